/* SPDX-License-Identifier: MIT */
#ifndef ZCNET_FRAMING_H
#define ZCNET_FRAMING_H
/*
 * Framing: where messages begin and end in a stream of bytes.
 *
 * A framing is a value: made once, checked once, shared by any number of connections.
 *
 *   length,offset=0,width=4,order=big,adjust=0,strip=4,max=16M
 *       a length field of width 1, 2, 3, 4 or 8 bytes after offset bytes.
 *       whole frame = offset + width + adjust + value
 *   varint,offset=0,adjust=0,max_varint=10,strip=0,max=16M
 *       the length is a base-128 varint, low groups first, of up to max_varint bytes (1 to 10).
 *       whole frame = offset + bytes of the varint + adjust + value
 *   delimiter=\r\n,strip=2,max=64K
 *       the delimiter (1 to 64 bytes) ends the frame and belongs to it; strip hides bytes at the end.
 *       check=1 refuses to send a body that contains the delimiter
 *   fixed=188
 *       every frame has that many bytes
 *   raw
 *       what arrives is what is delivered
 *
 * Keys come in any order after the kind. A key twice, or one that the kind does not have, is an error.
 * Sizes take K, M, G (powers of two). Bytes in text take \r \n \t \0 \\ \, \xHH. strip bytes are hidden
 * from zcn_msg_data() but stay in zcn_msg_frame(). max bounds the whole frame. A frame is refused as soon
 * as the bytes that prove it wrong have arrived.
 *
 * Sending a body of n bytes writes offset zero bytes (or the unit's own), the field with n - adjust, the
 * body, the delimiter: what a receiver of the same framing reads back.
 */
#include <zcnet/status.h>

ZCN_BEGIN_DECLS

enum {
    ZCN_FRAMING_LENGTH = 1,
    ZCN_FRAMING_VARINT = 2,
    ZCN_FRAMING_DELIMITER = 3,
    ZCN_FRAMING_FIXED = 4,
    ZCN_FRAMING_RAW = 5,
    ZCN_FRAMING_CUSTOM = 6
};

/**
 * Measures the frame at the start of some bytes, for ZCN_FRAMING_CUSTOM.
 * It must answer the same for the same bytes, and a size that it told stands when more bytes are there; another answer
 * closes the connection with ZCN_EFRAME_MEASURE. It must not call the library.
 *
 * @param context         as given in the options
 * @param data            received bytes from the start of a frame
 * @param size            how many, at least 1
 * @param out_frame_size  size of the whole frame, at least 1; may be larger than size
 * @return ZCN_OK out_frame_size is set · ZCN_AGAIN more bytes are needed to tell · negative: the bytes
 *         are wrong and the connection closes with ZCN_EFRAME_MEASURE
 */
typedef zcn_status (*zcn_measure_function)(void *context, const void *data, uint64_t size, uint64_t *out_frame_size);

typedef struct zcn_framing_options {
    uint64_t struct_size;         /* set by zcn_framing_options_init() */
    uint32_t kind;                /* ZCN_FRAMING_*; default ZCN_FRAMING_LENGTH */
    uint32_t width;               /* length: bytes of the field: 1 2 3 4 8; default 4 */
    uint32_t little_endian;       /* length: 0 big (default), 1 little */
    uint32_t max_varint;          /* varint: most bytes of the varint, 1 to 10; default 10 */
    uint64_t offset;              /* length, varint: bytes before the field, at most 64 KiB; default 0 */
    int64_t adjust;               /* length, varint: added to the value; default 0 */
    uint64_t strip;               /* bytes hidden at the start (delimiter: at the end); default 0 */
    uint64_t max;                 /* most bytes of a whole frame; default 16 MiB; for fixed it is unused */
    uint64_t fixed;               /* fixed: bytes of every frame */
    const void *delimiter;        /* delimiter: its bytes; copied */
    uint64_t delimiter_size;      /* delimiter: how many, 1 to 64 */
    uint32_t check;               /* delimiter: 1 refuses bodies that contain it when sending */
    uint32_t reserved;            /* 0 */
    zcn_measure_function measure; /* custom */
    void *measure_context;        /* custom: passed to measure */
} zcn_framing_options;

/**
 * Fill options with the defaults.
 *
 * @param options      to fill, not NULL
 * @param struct_size  sizeof(zcn_framing_options) as the caller was compiled
 * @thread any thread
 * @since 0.1
 */
ZCN_API void zcn_framing_options_init(zcn_framing_options *options, size_t struct_size);

/**
 * Make a framing from options.
 *
 * @param out      new reference on ZCN_OK, else NULL
 * @param options  not NULL
 * @param error    says which field is wrong; may be NULL, else struct_size must be set
 * @return ZCN_OK · ZCN_EINVAL · ZCN_EOPTION · ZCN_ENOMEM
 * @ownership owned: zcn_framing_release()
 * @thread any thread
 * @since 0.1
 */
ZCN_API ZCN_NODISCARD zcn_status zcn_framing_create(zcn_framing **out, const zcn_framing_options *options,
                                                    zcn_error *error);

/**
 * Make a framing from its text form, as described above.
 *
 * @param out    new reference on ZCN_OK, else NULL
 * @param text   at most 4096 bytes, terminated
 * @param error  says which key is wrong and why; may be NULL, else struct_size must be set
 * @return ZCN_OK · ZCN_EINVAL · ZCN_ENOMEM
 * @ownership owned: zcn_framing_release()
 * @thread any thread
 * @since 0.1
 */
ZCN_API ZCN_NODISCARD zcn_status zcn_framing_parse(zcn_framing **out, const char *text, zcn_error *error);

/**
 * The text form of a framing, complete and in one order, so that equal framings give equal texts.
 * A custom framing gives "custom".
 *
 * @param buffer    filled and terminated; may be NULL when capacity is 0
 * @param capacity  of buffer
 * @param out_size  bytes of the text without its terminator, which may be more than fits; may be NULL
 * @return ZCN_OK · ZCN_EINVAL · ZCN_ENOBUFS it did not fit; buffer holds the start of it
 * @thread any thread
 * @since 0.1
 */
ZCN_API zcn_status zcn_framing_text(const zcn_framing *framing, char *buffer, size_t capacity, size_t *out_size);

/**
 * Read a framing's fields back. delimiter points into the framing and is valid as long as it.
 *
 * @param options  with struct_size set
 * @return ZCN_OK · ZCN_EINVAL
 * @thread any thread
 * @since 0.1
 */
ZCN_API zcn_status zcn_framing_get_options(const zcn_framing *framing, zcn_framing_options *options);

/**
 * What stands around a body of body_size bytes on the wire.
 *
 * @param out_head  bytes before the body; may be NULL
 * @param out_tail  bytes after it; may be NULL
 * @return ZCN_OK · ZCN_EINVAL · ZCN_EFRAME_TOO_LARGE · ZCN_EFRAME_UNDERFLOW · ZCN_EFRAME_VALUE ·
 *         ZCN_EFRAME_SIZE · ZCN_EFRAME_STRIP · ZCN_EFRAME_VARINT: such a body cannot be framed
 * @thread any thread
 * @since 0.1
 */
ZCN_API ZCN_NODISCARD zcn_status zcn_framing_overhead(const zcn_framing *framing, uint64_t body_size,
                                                      uint64_t *out_head, uint64_t *out_tail);

/**
 * Find the frame at the start of some bytes.
 *
 * @param data            bytes from the start of a frame
 * @param size            how many
 * @param out_frame_size  size of the whole frame if it is known, else 0. It may be larger than size
 * @param out_head        bytes hidden at its start; may be NULL
 * @param out_tail        bytes hidden at its end; may be NULL
 * @return ZCN_OK out_frame_size is known · ZCN_AGAIN more bytes are needed to tell · ZCN_EINVAL ·
 *         ZCN_EFRAME_*: the bytes are wrong
 * @thread any thread
 * @since 0.1
 */
ZCN_API ZCN_NODISCARD zcn_status zcn_framing_measure(const zcn_framing *framing, const void *data, uint64_t size,
                                                     uint64_t *out_frame_size, uint64_t *out_head, uint64_t *out_tail);

/**
 * Take another reference.
 *
 * @return framing
 * @thread any thread
 * @since 0.1
 */
ZCN_API zcn_framing *zcn_framing_retain(zcn_framing *framing);

/**
 * End one reference. Connections keep references of their own.
 *
 * @param framing  or NULL for nothing
 * @thread any thread
 * @since 0.1
 */
ZCN_API void zcn_framing_release(zcn_framing *framing);

ZCN_END_DECLS

#endif
