// SPDX-License-Identifier: MIT

package zcnet

// #include "bridge.h"
import "C"

import (
	"os"
	"runtime"
	"sync"
	"syscall"
	"time"
	"unsafe"
)

// FileMethod is how the bytes of a file get to the socket.
type FileMethod uint32

// The ways; the zero one is what costs the sender least.
const (
	FileAuto     FileMethod = C.ZCN_FILE_AUTO
	FileSendfile FileMethod = C.ZCN_FILE_SENDFILE // the kernel sends from the page cache
	FileMmap     FileMethod = C.ZCN_FILE_MMAP     // the file is mapped, and sent as memory is
	FileSplice   FileMethod = C.ZCN_FILE_SPLICE   // through a pipe, without a copy
	FileCopy     FileMethod = C.ZCN_FILE_COPY     // read into memory of the pool
	FileDirect   FileMethod = C.ZCN_FILE_DIRECT   // read past the page cache, for large files that are sent once
)

// FileOptions are the settings of a file; zero values are the defaults.
type FileOptions struct {
	Method     FileMethod // FileAuto: what the connection's option says
	Directory  *os.File   // that a relative path starts from; nil: the working directory
	Beneath    bool       // no part of the path leads out of the directory that it starts from
	NoSymlinks bool       // no part of the path is a symbolic link
}

func (o *FileOptions) fill(c *C.zcn_file_options) {
	C.zcn_file_options_init(c, C.sizeof_zcn_file_options)
	if o == nil {
		return
	}
	c.method = C.uint32_t(o.Method)
	if o.Directory != nil {
		c.directory = C.int32_t(o.Directory.Fd())
	}
	c.flags = bit(o.Beneath)*C.ZCN_FILE_BENEATH | bit(o.NoSymlinks)*C.ZCN_FILE_NO_SYMLINKS
}

// File is a regular file as the body of units: [Unit.AppendFile]. It is sent from where it stands, and may be in any
// number of units at once. Any goroutine may use it.
type File struct {
	mu sync.RWMutex
	c  *C.zcn_file // nil once closed
}

// OpenFile opens a regular file for sending.
func OpenFile(path string, options *FileOptions) (*File, error) {
	var o C.zcn_file_options
	options.fill(&o)
	cpath := C.CString(path)
	defer C.free(unsafe.Pointer(cpath))
	var c *C.zcn_file
	details := newDetails()
	status := C.zcn_file_open(&c, cpath, &o, &details)
	runtime.KeepAlive(options)
	if status != C.ZCN_OK {
		return nil, detailed("open "+path, Status(status), &details)
	}
	return newFile(c), nil
}

// NewFile makes a File of one that the program has open for reading, and that stays the program's. Of the options only
// the method counts.
func NewFile(file *os.File, options *FileOptions) (*File, error) {
	fd, err := dupOf(file)
	if err != nil {
		return nil, err
	}
	var o C.zcn_file_options
	options.fill(&o)
	var c *C.zcn_file
	if status := C.zcn_file_adopt(&c, C.int(fd), &o); status != C.ZCN_OK {
		_ = syscall.Close(fd)
		return nil, statusError(C.int32_t(status))
	}
	return newFile(c), nil
}

func newFile(c *C.zcn_file) *File {
	f := &File{c: c}
	runtime.SetFinalizer(f, (*File).Close) // as with os.File: a descriptor that is forgotten is closed
	return f
}

// Close ends the file. Units that have it hold it for themselves. A second call says [ErrClosed].
func (f *File) Close() error {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.c == nil {
		return ErrClosed
	}
	C.zcn_file_release(f.c)
	f.c = nil
	runtime.SetFinalizer(f, nil)
	return nil
}

// Size is how many bytes it had when it was opened; 0 when it is closed.
func (f *File) Size() int64 {
	f.mu.RLock()
	defer f.mu.RUnlock()
	return int64(C.zcn_file_size(f.c))
}

// ModTime is when its content was changed last, as it was when it was opened.
func (f *File) ModTime() time.Time {
	f.mu.RLock()
	defer f.mu.RUnlock()
	return time.Unix(0, int64(C.zcn_file_mtime(f.c)))
}

// AppendFile adds size bytes of a file from an offset on. The file must have them when they leave.
func (u *Unit) AppendFile(file *File, offset, size int64) error {
	if offset < 0 || size < 0 {
		return ErrInvalid
	}
	file.mu.RLock()
	defer file.mu.RUnlock()
	if file.c == nil {
		return ErrClosed
	}
	return u.do(func(c *C.zcn_unit) C.int32_t {
		return C.int32_t(C.zcn_unit_append_file(c, file.c, C.uint64_t(offset), C.uint64_t(size)))
	})
}

// FileCache holds open files by path: those that were asked for last stay open. Any goroutine may use it.
type FileCache struct {
	mu sync.Mutex
	c  *C.zcn_file_cache // nil once closed
}

// NewFileCache makes a cache of so many files (1 to 65536). What was looked at last is taken to be true for so long; with
// 0 each Open looks at the path.
func NewFileCache(capacity int, valid time.Duration, options *FileOptions) (*FileCache, error) {
	var err error
	most, ms := in32(&err, capacity), in32(&err, int(valid/time.Millisecond))
	if err != nil {
		return nil, err
	}
	var o C.zcn_file_options
	options.fill(&o)
	cache := &FileCache{}
	status := C.zcn_file_cache_create(&cache.c, most, ms, &o)
	if status != C.ZCN_OK {
		return nil, statusError(C.int32_t(status))
	}
	runtime.SetFinalizer(cache, (*FileCache).Close)
	return cache, nil
}

// Open gives the file that lies at a path now. It stays good when the cache lets it go; the caller closes it.
func (f *FileCache) Open(path string) (*File, error) {
	cpath := C.CString(path)
	defer C.free(unsafe.Pointer(cpath))
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.c == nil {
		return nil, ErrClosed
	}
	var c *C.zcn_file
	details := newDetails()
	if status := C.zcn_file_cache_open(f.c, &c, cpath, &details); status != C.ZCN_OK {
		return nil, detailed("open "+path, Status(status), &details)
	}
	return newFile(c), nil
}

// Close ends the cache. Files that it gave stay good. A second call says [ErrClosed].
func (f *FileCache) Close() error {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.c == nil {
		return ErrClosed
	}
	C.zcn_file_cache_release(f.c)
	f.c = nil
	runtime.SetFinalizer(f, nil)
	return nil
}
