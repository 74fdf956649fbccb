// SPDX-License-Identifier: MIT

package zcnet_test

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	zcnet "github.com/libzcnet/libzcnet/bindings/go"
)

var lengths = zcnet.MustParseFraming("length,width=4,strip=4,max=1M")

// limited is a context for tests: it only has to end what hangs.
func limited(t testing.TB) context.Context {
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	t.Cleanup(cancel)
	return ctx
}

// shortDir is for sockets: t.TempDir() may exceed what a socket's path may have.
func shortDir(t testing.TB) string {
	dir, err := os.MkdirTemp("", "zcnet")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	return dir
}

// addresses are one of each transport, to listen on.
func addresses(t testing.TB) map[string]string {
	dir := shortDir(t)
	return map[string]string{
		"tcp":      "tcp://127.0.0.1:0",
		"unix":     "unix://" + filepath.Join(dir, "s"),
		"abstract": fmt.Sprintf("unix-abstract:zcnet-go-%d-%s", os.Getpid(), strings.ReplaceAll(t.Name(), "/", "-")),
	}
}

func must[T any](t testing.TB) func(T, error) T {
	return func(value T, err error) T {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return value
	}
}

func check(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// background is a loop that works by itself until the test ends.
func background(t testing.TB, options *zcnet.LoopOptions) *zcnet.Loop {
	t.Helper()
	loop := must[*zcnet.Loop](t)(zcnet.StartLoop(options))
	t.Cleanup(func() {
		loop.Close()
		<-loop.Done()
	})
	return loop
}

// eventually waits until a condition holds.
func eventually(t testing.TB, what string, holds func() bool) {
	t.Helper()
	for end := time.Now().Add(30 * time.Second); !holds(); {
		if time.Now().After(end) {
			t.Fatalf("never happened: %s", what)
		}
		runtime.Gosched()
		time.Sleep(time.Millisecond)
	}
}

// pair is two connected connections of a loop that works by itself.
func pair(t testing.TB, loop *zcnet.Loop, framing *zcnet.Framing, options *zcnet.ConnOptions) (near, far *zcnet.Conn) {
	t.Helper()
	ctx := limited(t)
	listener := must[*zcnet.Listener](t)(loop.Listen("tcp://127.0.0.1:0", framing, &zcnet.ListenOptions{Conn: options}))
	near = must[*zcnet.Conn](t)(loop.Dial(ctx, listener.Addr().String(), framing, options))
	far = must[*zcnet.Conn](t)(listener.Accept(ctx))
	check(t, listener.Close())
	return near, far
}

// unit is a unit with a body.
func unit(t testing.TB, framing *zcnet.Framing, body string) *zcnet.Unit {
	t.Helper()
	u := must[*zcnet.Unit](t)(zcnet.NewUnit(nil, framing, len(body)))
	copy(u.Bytes(), body)
	return u
}

// drained waits until a pool has its memory back, but for what threads keep for their next units.
func drained(t testing.TB, pool *zcnet.Pool) {
	t.Helper()
	var stats zcnet.PoolStats
	for end := time.Now().Add(20 * time.Second); time.Now().Before(end); time.Sleep(time.Millisecond) {
		runtime.GC()
		var err error
		if stats, err = pool.Stats(); err != nil {
			t.Fatal(err)
		}
		if stats.InUseBytes == stats.ThreadCachedBytes+stats.ArenaBytes && stats.Views == 0 {
			return
		}
	}
	t.Fatalf("memory is not back: %+v", stats)
}
