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
