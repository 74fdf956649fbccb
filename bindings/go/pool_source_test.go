// SPDX-License-Identifier: MIT

package zcnet_test

import (
	"bytes"
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"unsafe"

	zcnet "github.com/libzcnet/libzcnet/bindings/go"
)

// mapped is a source of memory that Go has no idea of.
type mapped struct {
	mu    sync.Mutex
	whole map[*byte][]byte // by the first byte of what was given
	given int              // bytes that are out
	empty bool

	dropped, ended int
}

func (s *mapped) Allocate(size, alignment int) []byte {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.empty {
		return nil
	}
	whole, err := syscall.Mmap(-1, 0, size+alignment, syscall.PROT_READ|syscall.PROT_WRITE,
		syscall.MAP_PRIVATE|syscall.MAP_ANON)
	if err != nil {
		panic(err)
	}
	from := alignment - int(uintptr(unsafe.Pointer(&whole[0])))&(alignment-1)
	memory := whole[from : from+size : from+size]
	s.whole[&memory[0]] = whole
	s.given += size
	return memory
}

func (s *mapped) Free(memory []byte) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.given -= len(memory)
	if err := syscall.Munmap(s.whole[&memory[0]]); err != nil {
		panic(err)
	}
	delete(s.whole, &memory[0])
}

func (s *mapped) End() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.ended++
}

// state is the bytes that are out, those that were dropped, and how often the source was told of its end.
func (s *mapped) state() (given, dropped, ended int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.given, s.dropped, s.ended
}

// holds tells whether bytes lie in memory of the source.
func (s *mapped) holds(part []byte) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	at := uintptr(unsafe.Pointer(unsafe.SliceData(part)))
	for first, whole := range s.whole {
		from := uintptr(unsafe.Pointer(first))
		if at >= from && at+uintptr(len(part)) <= from+uintptr(len(whole)) {
			return true
		}
	}
	return false
}

// dropping also gives parts of its memory back.
type dropping struct{ mapped }

func (s *dropping) Drop(part []byte) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.dropped += len(part)
	return syscall.Madvise(part, syscall.MADV_DONTNEED) == nil
}

// onOneThread is for tests that count what is free: threads keep some blocks for themselves.
func onOneThread(t *testing.T) {
	runtime.LockOSThread()
	t.Cleanup(runtime.UnlockOSThread)
}

func TestPoolSource(t *testing.T) {
	onOneThread(t)
	for _, drops := range []bool{false, true} {
		source := &dropping{mapped: mapped{whole: map[*byte][]byte{}}}
		options := &zcnet.PoolOptions{Source: &source.mapped, BlockSize: 64 << 10}
		if drops {
			options.Source = source
		}
		pool := must[*zcnet.Pool](t)(zcnet.NewPool(options))
		var units []*zcnet.Unit
		for i := range 100 {
			u := must[*zcnet.Unit](t)(zcnet.NewUnit(pool, nil, 30<<10))
			if body := u.Bytes(); !source.holds(body) {
				t.Fatal("a unit lies elsewhere")
			} else {
				body[0], body[len(body)-1] = byte(i), byte(i)
			}
			units = append(units, u)
		}
		units = append(units, must[*zcnet.Unit](t)(zcnet.NewUnit(pool, nil, 3<<20)))
		if given, _, _ := source.state(); given != 8<<20 {
			t.Errorf("%d bytes are given", given)
		}
		for i, u := range units {
			if body := u.Bytes(); i < 100 && (body[0] != byte(i) || body[len(body)-1] != byte(i)) {
				t.Errorf("unit %d has changed", i)
			}
			check(t, u.Release())
		}
		must[int](t)(pool.Trim())
		if given, dropped, ended := source.state(); given != 0 || ended != 0 || (dropped != 0) != drops {
			t.Errorf("after the units: %d bytes, %d dropped, ended %d times", given, dropped, ended)
		}
		last := must[*zcnet.Unit](t)(zcnet.NewUnit(pool, nil, 3<<20))
		check(t, pool.Close())
		if _, _, ended := source.state(); ended != 0 {
			t.Error("the source ended before its memory was back")
		}
		check(t, last.Release())
		eventually(t, "the source ends", func() bool { given, _, ended := source.state(); return given == 0 && ended == 1 })
	}
}

// Whatever goroutine, thread or loop wants memory gets it, also with one processor for all of Go.
func TestPoolSourceOfALoop(t *testing.T) {
	for _, processors := range []int{1, 4} {
		before := runtime.GOMAXPROCS(processors)
		defer runtime.GOMAXPROCS(before)
		source := &mapped{whole: map[*byte][]byte{}}
		pool := must[*zcnet.Pool](t)(zcnet.NewPool(&zcnet.PoolOptions{Source: source, Keep: 1}))
		loop := must[*zcnet.Loop](t)(zcnet.StartLoop(&zcnet.LoopOptions{Pool: pool}))
		var running sync.WaitGroup
		for range 4 {
			near, far := pair(t, loop, lengths, nil)
			running.Add(2)
			go func() {
				defer running.Done()
				for i := range 50 {
					u, err := zcnet.NewUnit(pool, lengths, 1+i*18000)
					if err == nil {
						err = near.Send(context.Background(), u)
					}
					if err != nil {
						t.Error(err)
					}
				}
				near.Close()
			}()
			go func() {
				defer running.Done()
				count := 0
				for m := range far.Messages(context.Background()) {
					if !source.holds(m.Bytes()) || m.Len() != 1+count*18000 {
						t.Error("a message lies elsewhere")
					}
					count++
				}
				if err := far.ReadErr(); err != nil || count != 50 {
					t.Error(err, count)
				}
			}()
		}
		check(t, within(t, "the transfers", func() error { running.Wait(); return nil }))
		check(t, loop.Close())
		<-loop.Done()
		check(t, pool.Close())
	}
}

type failing struct{ mapped }

func (*failing) Allocate(size, alignment int) []byte { panic("on purpose") }

// onGoHeap gives memory of Go's own, which must neither move nor go.
type onGoHeap struct{ freed atomic.Int32 }

func (*onGoHeap) Allocate(size, alignment int) []byte {
	whole := make([]byte, size+alignment)
	from := alignment - int(uintptr(unsafe.Pointer(&whole[0])))&(alignment-1)
	return whole[from : from+size]
}

func (s *onGoHeap) Free([]byte) { s.freed.Add(1) }

func TestPoolSourceOfGoMemory(t *testing.T) {
	onOneThread(t)
	source := &onGoHeap{}
	pool := must[*zcnet.Pool](t)(zcnet.NewPool(&zcnet.PoolOptions{Source: source}))
	u := must[*zcnet.Unit](t)(zcnet.NewUnit(pool, nil, 3<<20))
	for i := range u.Bytes() {
		u.Bytes()[i] = 'g'
	}
	for range 5 {
		runtime.GC()
	}
	if !bytes.Equal(u.Bytes(), bytes.Repeat([]byte{'g'}, 3<<20)) {
		t.Error("the memory was not kept")
	}
	check(t, u.Release())
	must[int](t)(pool.Trim())
	if source.freed.Load() != 1 {
		t.Errorf("freed %d times", source.freed.Load())
	}
	check(t, pool.Close())
}

func TestPoolSourceThatHasNothing(t *testing.T) {
	onOneThread(t)
	for _, source := range []zcnet.PoolSource{&mapped{empty: true}, &failing{}} {
		pool := must[*zcnet.Pool](t)(zcnet.NewPool(&zcnet.PoolOptions{Source: source}))
		if _, err := zcnet.NewUnit(pool, nil, 100); err != zcnet.ErrNoMemory {
			t.Error(err)
		}
		check(t, pool.Close())
	}
	if _, err := zcnet.NewPool(&zcnet.PoolOptions{Source: &failing{}, BlockSize: 5}); err != zcnet.ErrInvalid {
		t.Error(err)
	}
}

type leaving struct{ mapped }

func (*leaving) Allocate(size, alignment int) []byte { runtime.Goexit(); return nil }

// Nobody waits for memory for ever: the program ends.
func TestPoolSourceThatEndsItsGoroutine(t *testing.T) {
	const name = "TestPoolSourceThatEndsItsGoroutine"
	if os.Getenv("ZCNET_TEST_PART") == name {
		pool := must[*zcnet.Pool](t)(zcnet.NewPool(&zcnet.PoolOptions{Source: &leaving{}}))
		_, err := zcnet.NewUnit(pool, nil, 100)
		t.Fatal("it goes on", err)
	}
	command := exec.CommandContext(limited(t), os.Args[0], "-test.run=^"+name+"$")
	command.Env = append(os.Environ(), "ZCNET_TEST_PART="+name, "GOTRACEBACK=none")
	said, err := command.CombinedOutput()
	if err == nil || !strings.Contains(string(said), "a PoolSource has ended the goroutine") {
		t.Errorf("%v\n%s", err, said)
	}
}

// What lies in a pool's file is read where another process, here this one, maps it.
func TestPoolInAFile(t *testing.T) {
	pool := must[*zcnet.Pool](t)(zcnet.NewPool(&zcnet.PoolOptions{SharedBytes: 8 << 20}))
	fd, size, err := pool.Shared()
	check(t, err)
	other := must[[]byte](t)(syscall.Mmap(int(fd), 0, size, syscall.PROT_READ, syscall.MAP_SHARED))
	u := must[*zcnet.Unit](t)(zcnet.NewUnit(pool, nil, 5))
	copy(u.Bytes(), "there")
	offset := must[int64](t)(pool.Offset(u.Bytes()))
	if size != 8<<20 || string(other[offset:offset+5]) != "there" {
		t.Errorf("%d bytes, at %d %q", size, offset, other[offset:offset+5])
	}
	if _, err := pool.Offset([]byte("elsewhere")); err != zcnet.ErrInvalid {
		t.Error(err)
	}
	check(t, u.Release())
	check(t, syscall.Munmap(other))
	check(t, pool.Close())
	if _, _, err := (*zcnet.Pool)(nil).Shared(); err != zcnet.ErrUnsupported {
		t.Error(err)
	}
	if _, err := (*zcnet.Pool)(nil).Offset([]byte("x")); err != zcnet.ErrUnsupported {
		t.Error(err)
	}
	for _, wrong := range []*zcnet.PoolOptions{{SharedBytes: -1}, {SharedBytes: 1}, {SharedBytes: 8 << 20, Source: &mapped{}}} {
		if _, err := zcnet.NewPool(wrong); err != zcnet.ErrInvalid {
			t.Error(err)
		}
	}
}

func TestPoolDump(t *testing.T) {
	ctx := limited(t)
	pool := must[*zcnet.Pool](t)(zcnet.NewPool(nil))
	loop := background(t, &zcnet.LoopOptions{Pool: pool})
	near, far := pair(t, loop, lengths, nil)
	check(t, near.SendCopy(ctx, make([]byte, 12345)))
	m := must[zcnet.Message](t)(far.Recv(ctx))
	file := must[*os.File](t)(os.Create(filepath.Join(t.TempDir(), "dump")))
	check(t, pool.Dump(file))
	if text := must[[]byte](t)(os.ReadFile(file.Name())); !bytes.Contains(text, []byte("12345")) {
		t.Errorf("%s", text)
	}
	if stats := must[zcnet.PoolStats](t)(pool.Stats()); stats.Amplification <= 1 {
		t.Errorf("%+v", stats)
	}
	check(t, m.Release())
	check(t, file.Close())
	if err := pool.Dump(file); err == nil {
		t.Error("a closed file was written")
	}
	check(t, pool.Close())
}
