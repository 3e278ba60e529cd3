/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The same peripherals in an IoT Kit, at DAI 0505's addresses ("Memory map" and "FPGA system control
 * and I/O"). After reset all of them take Secure accesses, as the core makes them.
 */
#include "cmsdk_fpga.h"
