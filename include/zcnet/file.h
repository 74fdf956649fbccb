/* SPDX-License-Identifier: MIT */
#ifndef ZCNET_FILE_H
#define ZCNET_FILE_H
/*
 * Files: regular files as the bodies of units.
 *
 * A file is sent from where it stands: a connection moves its bytes by the method that suits the transport, and no
 * unit holds them in memory. Header and file leave together, so that a small answer is one packet. One file may be in
 * any number of units at once, from any offset; its own file position is never used.
 *
 * What is sent is what the file holds at that time. A file that has become shorter than a unit promised closes the
 * connection with ZCN_ETRUNCATED; of one that has become longer, the promised length is sent. A program that replaces
 * a file should write the new one beside it and rename it: then a transfer goes on with the old content.
 *
 * A stream without a descriptor of its own (zcn_stream) reads the bytes into memory of its pool when
 * zcn_stream_gather() asks for them.
 *
 * The other way, zcn_conn_receive_file() lets the bytes that follow a message go from the socket into a file: a message
 * is the header of an upload, say, and the body never passes through user space.
 */
#include <zcnet/status.h>

ZCN_BEGIN_DECLS

/* How the bytes of a file get to the socket. */
enum {
    ZCN_FILE_AUTO = 0,     /* what costs the sender the least processor time: ranges up to 32 KiB are read, and leave in
                            * one call with what is around them; larger ones leave by sendfile, and over local sockets
                            * from 256 KiB up through a pipe */
    ZCN_FILE_SENDFILE = 1, /* the kernel sends from the page cache */
    ZCN_FILE_MMAP = 2,     /* the file is mapped, and sent as memory is */
    ZCN_FILE_SPLICE = 3,   /* through a pipe, without a copy */
    ZCN_FILE_COPY = 4,     /* read into memory of the pool, which counts as copied, and sent from there */
    ZCN_FILE_DIRECT = 5 /* read past the page cache (O_DIRECT), by a helper thread, into memory of the pool: for large
                         * files that are sent once, and should not push out of the page cache what is used often.
                         * On a loop without a helper the owner's thread waits for the disk. A file or a system that
                         * has no such reads is read as by ZCN_FILE_COPY */
};

/* Flags of zcn_file_options. */
enum {
    ZCN_FILE_BENEATH = 1,    /* no part of the path leads out of the directory that it starts from */
    ZCN_FILE_NO_SYMLINKS = 2 /* no part of the path is a symbolic link */
};

typedef struct zcn_file_options {
    uint64_t struct_size; /* set by zcn_file_options_init() */
    uint32_t method;      /* ZCN_FILE_*; ZCN_FILE_AUTO: what the connection's option says */
    uint32_t flags;       /* of the above */
    int32_t directory;    /* descriptor that a relative path starts from, borrowed; -1: the working directory */
    uint32_t reserved;    /* 0 */
} zcn_file_options;

/**
 * Fill options with the defaults: no method, no flags, directory -1.
 *
 * @thread any thread
 * @since 0.1
 */
ZCN_API void zcn_file_options_init(zcn_file_options *options, size_t struct_size);

/**
 * Open a regular file for sending.
 *
 * @param out      new reference on ZCN_OK, else NULL
 * @param options  or NULL for the defaults
 * @param error    or NULL; says why, with errno
 * @return ZCN_OK · ZCN_EINVAL · ZCN_EOPTION · ZCN_ENOTFOUND there is no such file · ZCN_EACCESS permission denied, or
 *         a flag forbids the way · ZCN_EUNSUPPORTED it is a directory, a device or another special file, or the kernel
 *         does not know the flags (before Linux 5.6) · ZCN_ENOBUFS too many descriptors are open · ZCN_ENOMEM ·
 *         ZCN_ESYS
 * @ownership owned: zcn_file_release()
 * @thread any thread
 * @since 0.1
 */
ZCN_API ZCN_NODISCARD zcn_status zcn_file_open(zcn_file **out, const char *path, const zcn_file_options *options,
                                               zcn_error *error);

/**
 * A file of a descriptor that the program has open for reading.
 *
 * @param out      new reference on ZCN_OK, else NULL
 * @param fd       consumed on ZCN_OK, and only then
 * @param options  or NULL; only the method counts
 * @return ZCN_OK · ZCN_EINVAL no such descriptor · ZCN_EOPTION · ZCN_EUNSUPPORTED it is no regular file · ZCN_ENOMEM ·
 *         ZCN_ESYS
 * @ownership owned
 * @thread any thread
 * @since 0.1
 */
ZCN_API ZCN_NODISCARD zcn_status zcn_file_adopt(zcn_file **out, int fd, const zcn_file_options *options);

/**
 * Bytes that the file had when it was opened.
 *
 * @thread any thread
 * @since 0.1
 */
ZCN_API uint64_t zcn_file_size(const zcn_file *file);

/**
 * When the content was changed last, as it was when the file was opened.
 *
 * @return nanoseconds since 1970 began, UTC
 * @thread any thread
 * @since 0.1
 */
ZCN_API int64_t zcn_file_mtime(const zcn_file *file);

/**
 * The descriptor, borrowed; -1 for NULL. Do not close it.
 *
 * @thread any thread
 * @since 0.1
 */
ZCN_API int zcn_file_fd(const zcn_file *file);

/**
 * Take another reference.
 *
 * @return file
 * @thread any thread
 * @since 0.1
 */
ZCN_API zcn_file *zcn_file_retain(zcn_file *file);

/**
 * End one reference. Units that have the file hold their own; with the last one the descriptor is closed.
 *
 * @param file  or NULL for nothing
 * @thread any thread
 * @since 0.1
 */
ZCN_API void zcn_file_release(zcn_file *file);

/**
 * Append a range of a file to a unit, which holds a reference on the file from then on.
 *
 * @param offset  of the first byte
 * @param size    bytes, which the file must have when they leave: the frame's header promises them. 0 is allowed
 * @return ZCN_OK · ZCN_EINVAL the unit is sealed, or the range is not within zcn_file_size() · ZCN_ENOMEM. A unit with
 *         a file cannot be sealed with a framing that looks for its delimiter in bodies (check=1): that is
 *         ZCN_EUNSUPPORTED
 * @thread the unit's one thread
 * @since 0.1
 */
ZCN_API ZCN_NODISCARD zcn_status zcn_unit_append_file(zcn_unit *unit, zcn_file *file, uint64_t offset, uint64_t size);

/* When the event of a received file comes. */
enum {
    ZCN_FLUSH_NONE = 0, /* when the kernel has its bytes: what a crash of the system leaves of them is open */
    ZCN_FLUSH_SYNC = 1, /* when the disk has them (fdatasync): everything on the loop waits for it meanwhile */
    ZCN_FLUSH_ASYNC = 2 /* the same, by a helper thread: the loop goes on, and what follows on the connection may come
                         * before the event. As ZCN_FLUSH_SYNC on a loop without a helper */
};

typedef struct zcn_receive_file_options {
    uint64_t struct_size; /* set by zcn_receive_file_options_init() */
    uint64_t offset;      /* in the file, of the first byte */
    uint64_t token;       /* comes with FILE_RECEIVED */
    uint32_t flush;       /* ZCN_FLUSH_* */
    uint32_t reserved;    /* 0 */
} zcn_receive_file_options;

/**
 * Fill options with the defaults: all 0.
 *
 * @thread any thread
 * @since 0.1
 */
ZCN_API void zcn_receive_file_options_init(zcn_receive_file_options *options, size_t struct_size);

/**
 * Let the bytes that follow a message go into a file, by splice. Where the kernel refuses that (a file that is open for
 * appending, some file systems), or no pipe is to be had (a loop has 128, with its relays), they go through memory. So
 * do those that were received already: they count as copied. The bytes behind them are messages again.
 *
 * Later messages of conn in the current array are blanked: their bytes are the file's, or come again. As much is read
 * in one poll as read_budget allows, and nothing while conn is paused. message_timeout_ms stands for the longest time
 * without a byte of the body. The file is written to as the system sees fit, which may wait for its disk.
 *
 * FILE_RECEIVED tells the end. With ZCN_OK all bytes are in the file, and ended on the disk as `flush` says. Else:
 *   - ZCN_ENOSPACE, ZCN_ESYS  the file takes no more. The event comes at once; what is left of the body is read and
 *     dropped (zcn_stats body_dropped), then messages go on. Who does not want that closes the connection
 *   - ZCN_EFRAME_TRUNCATED, ZCN_ERESET …  the connection ended before the body did; its CLOSED has the same status
 *   - ZCN_ECLOSED, ZCN_EABORTED  the program closed it
 * size says how many bytes are in the file, from offset on and without a gap. What did not end with ZCN_OK is not
 * flushed. zcn_conn_get_file_error() has the details.
 *
 * @param after    message of the current array, of conn: the body begins behind it. NULL: behind everything that was
 *                 delivered
 * @param fd       a regular file or a device, open for writing; consumed on ZCN_OK and closed when it is not needed
 *                 any more. Its own position is not used. -1: the body is dropped, and nothing is wrong with that
 * @param size     bytes of the body: behind a header that was delivered alone what the token of its event said.
 *                 UINT64_MAX: all until the peer ends, which then is no error
 * @param options  or NULL for the defaults
 * @return ZCN_OK · ZCN_EINVAL after is not of conn and this array, fd is not open for writing, size is not the
 *         header's, or an option is out of range · ZCN_EOPTION · ZCN_EBUSY a later message was retained, or a body is
 * being received already · ZCN_ECLOSED · ZCN_EUNSUPPORTED fd is a pipe, a socket or a terminal · ZCN_ENOMEM ·
 * ZCN_EFORKED
 * @thread owner
 * @since 0.1
 */
ZCN_API ZCN_NODISCARD zcn_status zcn_conn_receive_file(zcn_conn *conn, const zcn_msg *after, int fd, uint64_t size,
                                                       const zcn_receive_file_options *options);

/**
 * How the file ended that the last FILE_RECEIVED event of a connection told of.
 *
 * @param error  with struct_size set; status is ZCN_OK when nothing went wrong, and before the first one
 * @return ZCN_OK · ZCN_EINVAL
 * @thread owner
 * @since 0.1
 */
ZCN_API zcn_status zcn_conn_get_file_error(const zcn_conn *conn, zcn_error *error);

/**
 * A cache of open files by path: those that were asked for last stay open.
 *
 * @param out       the cache on ZCN_OK, else NULL
 * @param capacity  most files that it keeps open, 1 to 65536
 * @param valid_ms  so long what was looked at last is taken to be true; 0: every zcn_file_cache_open() looks at the
 *                  path, and opens it anew when there is another file, or the file has changed
 * @param options   how the files are opened, or NULL
 * @return ZCN_OK · ZCN_EINVAL · ZCN_EOPTION · ZCN_ENOMEM
 * @ownership owned: zcn_file_cache_release()
 * @thread any thread
 * @since 0.1
 */
ZCN_API ZCN_NODISCARD zcn_status zcn_file_cache_create(zcn_file_cache **out, uint32_t capacity, uint32_t valid_ms,
                                                       const zcn_file_options *options);

/**
 * Open a file through the cache. Size and time of modification are those of the last look at the path. A file that
 * was deleted, or cannot be looked at any more, leaves the cache.
 *
 * @param out    new reference on ZCN_OK, else NULL
 * @param path   at most 4095 bytes
 * @param error  or NULL; says why, with errno
 * @return as zcn_file_open()
 * @ownership owned: zcn_file_release(). It stays good when the cache lets it go, or has a newer one
 * @thread owner of the cache
 * @since 0.1
 */
ZCN_API ZCN_NODISCARD zcn_status zcn_file_cache_open(zcn_file_cache *cache, zcn_file **out, const char *path,
                                                     zcn_error *error);

/**
 * End a cache. Files that it gave out stay good.
 *
 * @param cache  or NULL for nothing
 * @thread owner of the cache
 * @since 0.1
 */
ZCN_API void zcn_file_cache_release(zcn_file_cache *cache);

ZCN_END_DECLS

#endif
