/* SPDX-License-Identifier: MIT */
/* Meson takes no source from above its own folder. */
#include "../consumer.c"
