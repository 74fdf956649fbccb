// SPDX-License-Identifier: MIT
// Whether a view is the only one that refers to its bytes, so that they may be written.
//
// Others are: the event that showed the message, until its borrow ends; whatever took the bytes and is no view (a unit,
// another stream), noted in the block as a range; and views. A view that shares bytes with another was made of
// it, or of the same event: that is noted as a range too, and only within that range are the views looked through.
#pragma once

#include "receive/view.h"

namespace zcnet::receive {

// Bytes of a block go to something that is no view. By the lessee, or by the holder of a view.
void note_lent(memory::Block *block, const uint8_t *data, uint64_t size, bool by_lessee) noexcept;

// A view is made of bytes that another view has already; before it is made. Of an alias its parent.
void note_shared(memory::Block *root, const uint8_t *data, uint64_t size) noexcept;
// And, when it was made of a view, after that.
inline void count_share(memory::Block *root) noexcept {
    // release: who sees the count sees the view that was made before it.
    root->shares.fetch_add(1, std::memory_order_release);
}

// For the holder of a view that nobody else uses at this moment. When true, nothing else refers to its bytes, and
// nothing can come to.
bool is_exclusive(const zcn_msg *msg, const View &view) noexcept;

// For those who watch memory (memory/watch.h): the bytes of a view that ends now, and of an event whose borrow ends
// now, are hidden when nothing else refers to them.
void hide_released(const zcn_msg *msg) noexcept;
void hide_shown(memory::Block *block, const uint8_t *data, uint64_t size, bool retained) noexcept;

}  // namespace zcnet::receive
