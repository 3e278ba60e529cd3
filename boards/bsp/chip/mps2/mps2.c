/* SPDX-License-Identifier: Apache-2.0 */
/* The FPGA's peripherals, at DAI 0386's addresses ("FPGA system control and I/O"). */
#include "cmsdk_fpga.h"
