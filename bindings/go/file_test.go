// SPDX-License-Identifier: MIT

package zcnet_test

import (
	"bytes"
	"errors"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	zcnet "github.com/libzcnet/libzcnet/bindings/go"
)

// someFile is a file of 300000 bytes.
func someFile(t *testing.T) (path string, content []byte) {
	t.Helper()
	content = bytes.Repeat([]byte("0123456789"), 30000)
	path = filepath.Join(t.TempDir(), "file")
	check(t, os.WriteFile(path, content, 0o600))
	return path, content
}

func TestFilesLeaveByEveryMethod(t *testing.T) {
	path, content := someFile(t)
	near, far := pair(t, background(t, nil), lengths, nil)
	ctx := limited(t)
	for _, method := range []zcnet.FileMethod{zcnet.FileAuto, zcnet.FileSendfile, zcnet.FileMmap, zcnet.FileSplice,
		zcnet.FileCopy, zcnet.FileDirect} {
		file := must[*zcnet.File](t)(zcnet.OpenFile(path, &zcnet.FileOptions{Method: method}))
		if file.Size() != int64(len(content)) || time.Since(file.ModTime()).Abs() > time.Hour {
			t.Errorf("%d bytes of %v", file.Size(), file.ModTime())
		}
		u := must[*zcnet.Unit](t)(zcnet.NewEmptyUnit(nil))
		check(t, u.AppendCopy([]byte("head")))
		check(t, u.AppendFile(file, 1000, 250000))
		check(t, file.Close()) // the unit has it
		check(t, near.Send(ctx, u))
		m := must[zcnet.Message](t)(far.Recv(ctx))
		if want := append([]byte("head"), content[1000:251000]...); !bytes.Equal(m.Bytes(), want) {
			t.Errorf("method %d: something else arrived", method)
		}
		check(t, m.Release())
	}
	if stats := near.Stats(); stats.FileSendfile < 250000 || stats.FileMmap != 250000 || stats.FileSplice < 1 {
		t.Errorf("%+v", stats)
	}
	if text, err := near.Explain(); err != nil || !strings.Contains(text, "file") {
		t.Errorf("%q, %v", text, err)
	}
}

func TestFileOfTheProgram(t *testing.T) {
	path, content := someFile(t)
	mine := must[*os.File](t)(os.Open(path))
	defer mine.Close()
	file := must[*zcnet.File](t)(zcnet.NewFile(mine, nil))
	u := must[*zcnet.Unit](t)(zcnet.NewEmptyUnit(nil))
	defer u.Release()
	for _, wrong := range [][2]int64{{-1, 1}, {0, -1}, {0, int64(len(content)) + 1}, {1 << 62, 1 << 62}} {
		if err := u.AppendFile(file, wrong[0], wrong[1]); err != zcnet.ErrInvalid {
			t.Errorf("%v: %v", wrong, err)
		}
	}
	check(t, u.AppendFile(file, 0, file.Size()))
	check(t, file.Close())
	if err := file.Close(); !errors.Is(err, net.ErrClosed) {
		t.Error(err)
	}
	if err := u.AppendFile(file, 0, 1); !errors.Is(err, net.ErrClosed) || file.Size() != 0 {
		t.Error(err)
	}
	must[int64](t)(mine.Seek(0, 0)) // still the program's
}

func TestFilesThatCannotBeSent(t *testing.T) {
	path, _ := someFile(t)
	if _, err := zcnet.OpenFile(path+"-missing", nil); !errors.Is(err, os.ErrNotExist) || !strings.Contains(err.Error(), path) {
		t.Error(err)
	}
	if _, err := zcnet.OpenFile(filepath.Dir(path), nil); !errors.Is(err, zcnet.ErrUnsupported) {
		t.Error(err)
	}
	link := filepath.Join(filepath.Dir(path), "link")
	check(t, os.Symlink(path, link))
	if _, err := zcnet.OpenFile(link, &zcnet.FileOptions{NoSymlinks: true}); !errors.Is(err, os.ErrPermission) {
		t.Error(err)
	}
	dir := must[*os.File](t)(os.Open(filepath.Dir(path)))
	defer dir.Close()
	beneath := &zcnet.FileOptions{Directory: dir, Beneath: true}
	check(t, must[*zcnet.File](t)(zcnet.OpenFile("file", beneath)).Close())
	if _, err := zcnet.OpenFile("../file", beneath); !errors.Is(err, os.ErrPermission) {
		t.Error(err)
	}
	null := must[*os.File](t)(os.Open(os.DevNull))
	defer null.Close()
	if _, err := zcnet.NewFile(null, nil); !errors.Is(err, zcnet.ErrUnsupported) {
		t.Error(err)
	}
}

func TestFileCache(t *testing.T) {
	path, content := someFile(t)
	cache := must[*zcnet.FileCache](t)(zcnet.NewFileCache(4, 0, nil))
	first := must[*zcnet.File](t)(cache.Open(path))
	check(t, os.WriteFile(path+"-new", []byte("new"), 0o600))
	check(t, os.Rename(path+"-new", path))
	second := must[*zcnet.File](t)(cache.Open(path))
	if first.Size() != int64(len(content)) || second.Size() != 3 {
		t.Errorf("%d and %d bytes", first.Size(), second.Size())
	}
	check(t, os.Remove(path))
	if _, err := cache.Open(path); !errors.Is(err, os.ErrNotExist) {
		t.Error(err)
	}
	check(t, cache.Close())
	if _, err := cache.Open(path); !errors.Is(err, net.ErrClosed) || !errors.Is(cache.Close(), net.ErrClosed) {
		t.Error(err)
	}
	check(t, first.Close())
	check(t, second.Close())
	if _, err := zcnet.NewFileCache(0, 0, nil); err != zcnet.ErrInvalid {
		t.Error(err)
	}
}

func TestZeroCopy(t *testing.T) {
	near, far := pair(t, background(t, nil), lengths, &zcnet.ConnOptions{ZeroCopyFrom: 4096})
	ctx := limited(t)
	body := bytes.Repeat([]byte("zero"), 100000)
	back := make(chan struct{})
	u := must[*zcnet.Unit](t)(zcnet.NewEmptyUnit(nil))
	check(t, u.AppendPinned(body, func() { close(back) }))
	check(t, near.Send(ctx, u))
	m := must[zcnet.Message](t)(far.Recv(ctx))
	if !bytes.Equal(m.Bytes(), body) {
		t.Error("something else arrived")
	}
	check(t, m.Release())
	select {
	case <-back:
	case <-ctx.Done():
		t.Error("the memory did not come back")
	}
	if stats := near.Stats(); stats.ZeroCopyWrites+stats.ZeroCopyRefused == 0 {
		t.Errorf("%+v", stats)
	}
	if value := must[uint64](t)(near.Option(zcnet.OptionZeroCopyFrom)); value != 4096 {
		t.Errorf("zero copy from %d", value)
	}
}
