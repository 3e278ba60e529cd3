# SPDX-License-Identifier: Apache-2.0
"""Writes the figures of a search as people read them, and what they mean in sentences."""

from __future__ import annotations

from collections.abc import Sequence
from math import sqrt

from mcuforge.report.search import KindTrial, MethodResult, RankCheck, SearchReport

CHANCE = 0.05  # a p value from which on a difference is put down to chance
Z = 1.96  # of a 95 % interval
OURS = "evolution"
TIMES, NONE = "\N{MULTIPLICATION SIGN}", "\N{EN DASH}"
RAISED = str.maketrans("0123456789", "⁰¹²³⁴⁵⁶⁷⁸⁹")


def percent(share: float | None) -> str:
    """'85.3 %'; '–' for what was not measured."""
    return NONE if share is None else f"{100 * share:.1f} %"


def bytes_words(count: float) -> str:
    """'512 bytes', '9.8 KB', '123 KB', '1.5 MB': a KB has 1,024 bytes."""
    if count < 1024:
        return f"{count:,.0f} bytes"
    kb = count / 1024
    if kb >= 10_000:
        return f"{kb / 1024:,.1f} MB"
    return f"{kb:,.1f} KB" if kb < 100 else f"{kb:,.0f} KB"


def count_words(count: float | None) -> str:
    """'41.2 M', '38.0 k', '512'; '–' for what was not counted."""
    if count is None:
        return NONE
    for name, size in (("G", 1e9), ("M", 1e6), ("k", 1e3)):
        if count >= size:
            return f"{count / size:.1f} {name}"
    return f"{count:,.0f}"


def huge_words(count: int) -> str:
    """'12,345', or '3.4 × 10¹²' from a hundred million on."""
    if count < 10**8:
        return f"{count:,}"
    power = len(str(count)) - 1
    head = f"{count / 10**power:.1f}"
    if head == "10.0":
        head, power = "1.0", power + 1
    return f"{head} {TIMES} 10{str(power).translate(RAISED)}"


def shape_words(shape: Sequence[int]) -> str:
    """'32 × 32 × 16'."""
    return f" {TIMES} ".join(map(str, shape))


def time_words(core_seconds: float) -> str:
    """'40 core seconds', '12 core minutes', '3.4 core hours'."""
    if core_seconds < 120:
        return f"{core_seconds:.0f} core seconds"
    if core_seconds < 7200:
        return f"{core_seconds / 60:.0f} core minutes"
    return f"{core_seconds / 3600:,.1f} core hours"


def interval(share: float, samples: int) -> tuple[float, float]:
    """Wilson's 95 % interval of a share seen on so many samples."""
    if samples < 1:
        return 0.0, 1.0
    centre = (share + Z * Z / (2 * samples)) / (1 + Z * Z / samples)
    half = Z * sqrt(share * (1 - share) / samples + Z * Z / (4 * samples**2))
    half /= 1 + Z * Z / samples
    return max(0.0, centre - half), min(1.0, centre + half)


def interval_words(share: float, samples: int) -> str:
    """'95 % interval 83.0 to 87.3 %'."""
    low, high = interval(share, samples)
    return f"95 % interval {100 * low:.1f} to {100 * high:.1f} %"


def p_words(p: float | None) -> str:
    """'0.031', 'below 0.001'; '–' where there is none."""
    if p is None:
        return NONE
    return "below 0.001" if p < 0.001 else f"{p:.3f}"


def mean_words(mean: float, deviation: float, seeds: int) -> str:
    """'61.2 ± 0.4 %'; without a deviation where there is one seed."""
    if seeds < 2:
        return percent(mean)
    return f"{100 * mean:.1f} ± {100 * deviation:.1f} %"


def judgement(methods: Sequence[MethodResult]) -> tuple[str, ...]:
    """Whether evolution beat each other method, and how sure that is: a sentence for each."""
    ours = next((method for method in methods if method.name == OURS), None)
    others = [method for method in methods if method.name != OURS]
    if ours is None or not others:
        return ("Evolution was not compared with another method in this search.",)
    sentences = [_compared(ours, other) for other in others]
    if ours.seeds > 1 and any(other.p_best is not None for other in others):
        sentences.append(
            f"With {ours.seeds} seeds no p value can be below {0.5**ours.seeds:.2g}. "
            "They are not corrected for the number of comparisons."
        )
    return tuple(sentences)


def _compared(ours: MethodResult, other: MethodResult) -> str:
    lead = 100 * (ours.best_mean - other.best_mean)
    p = other.p_best
    if round(lead, 1) <= 0:
        words = "as accurate on average" if round(lead, 1) == 0 else f"{-lead:.1f} points worse"
        known = "" if p is None else f" (p = {p_words(p)})"
        return f"Evolution did not beat {other.name}: it was {words}{known}."
    better = f"{lead:.1f} points better"
    if p is None:
        seeds = f"{ours.seeds} seed{'' if ours.seeds == 1 else 's'}"
        return f"Evolution was {better} than {other.name}, but {seeds} cannot rule out chance."
    if p < CHANCE:
        sure = f"unlikely to be chance (p = {p_words(p)})"
        return f"Evolution beat {other.name}: it was {better}, {sure}."
    return f"Evolution was {better} than {other.name}, but that may be chance (p = {p_words(p)})."


def lead_words(report: SearchReport) -> str:
    """How far the winner leads on test samples, beside how far samples alone move an accuracy."""
    winner, *others = report.finalists
    if not others or not report.data.test:
        return ""
    next_best = max(others, key=lambda finalist: finalist.test_int8)
    lead = 100 * (winner.test_int8 - next_best.test_int8)
    low, high = interval(winner.test_int8, report.data.test)
    how = f"{lead:.1f} points above" if lead >= 0 else f"{-lead:.1f} points below"
    return (
        f"Its int8 file lies {how} that of {next_best.name}; with {report.data.test:,} samples, "
        f"each accuracy is uncertain by ±{50 * (high - low):.1f} points (95 %)."
    )


def kind_words(kinds: Sequence[KindTrial]) -> str:
    """Which kind of block was searched, and how accurate each was."""
    found = ", ".join(f"{trial.kind} {percent(trial.mean)}" for trial in kinds)
    best = kinds[0]
    return (
        f"{best.kind}, by the mean accuracy of {best.networks} networks after "
        f"{best.samples:,} samples of shared training: {found}"
    )


def rank_words(ranks: RankCheck) -> str:
    """What Kendall's tau says about the accuracies that the search went by."""
    count = len(ranks.genomes)
    if ranks.tau is None:
        return f"{count} networks were trained alone: too few to compare two orders."
    share = 50 * (1 + ranks.tau)
    return (
        f"Kendall's τ is {ranks.tau:.2f} over {count} networks: of two networks, the one that is "
        f"more accurate with shared weights is also the better one alone in about {share:.0f} % of "
        "cases. 50 % would be guessing."
    )
