/* SPDX-License-Identifier: Apache-2.0 */
#include "check.h"

int main(void)
{
    check_init();
    for (;;) {
        check_poll();
    }
}
