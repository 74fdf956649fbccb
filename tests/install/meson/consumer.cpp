// SPDX-License-Identifier: MIT
// Meson takes no source from above its own folder, and the language from the name.
#include "../consumer.c"
