// SPDX-License-Identifier: MIT

package zcnet_test

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"syscall"
	"testing"

	zcnet "github.com/libzcnet/libzcnet/bindings/go"
)

// uploads are messages of which large ones come as their header alone.
var uploads = zcnet.MustParseFraming("length,width=8,strip=8,max=1G")

const headerFrom = 64 << 10

func body(size int) []byte {
	content := make([]byte, size)
	for i := range content {
		content[i] = byte(i * 7 >> 3)
	}
	return content
}

// upload sends a message of some bytes behind each other's back.
func upload(t *testing.T, conn *zcnet.Conn, bodies ...[]byte) {
	t.Helper()
	go func() {
		for _, body := range bodies {
			if err := conn.SendCopy(context.Background(), body); err != nil && !errors.Is(err, net.ErrClosed) {
				t.Error(err)
			}
		}
	}()
}

func newFile(t *testing.T) *os.File {
	t.Helper()
	file := must[*os.File](t)(os.Create(filepath.Join(t.TempDir(), "received")))
	t.Cleanup(func() { file.Close() })
	return file
}

func contentOf(t *testing.T, file *os.File) []byte {
	t.Helper()
	return must[[]byte](t)(os.ReadFile(file.Name()))
}

func TestLargeMessagesGoIntoFiles(t *testing.T) {
	ctx := limited(t)
	for name, address := range addresses(t) {
		t.Run(name, func(t *testing.T) {
			loop := background(t, nil)
			listener := must[*zcnet.Listener](t)(loop.Listen(address, uploads,
				&zcnet.ListenOptions{Conn: &zcnet.ConnOptions{HeaderFrom: headerFrom}}))
			near := must[*zcnet.Conn](t)(loop.Dial(ctx, listener.Addr().String(), uploads, nil))
			far := must[*zcnet.Conn](t)(listener.Accept(ctx))
			large, other := body(3<<20), body(headerFrom)
			upload(t, near, []byte("first"), large, []byte("second"), other, other, []byte("last"))
			var seen []string
			for m := range far.Messages(ctx) {
				size := m.BodySize()
				if size == 0 {
					seen = append(seen, m.String())
					if m.String() == "last" {
						break
					}
					continue
				}
				if m.Len() != 8 || binary.BigEndian.Uint64(m.Bytes()) != uint64(size) {
					t.Errorf("the header in front of the body is %q", m.Bytes())
				}
				if kept := must[zcnet.Message](t)(m.Clone()); kept.BodySize() != size {
					t.Error("a clone forgets the body")
				} else {
					check(t, kept.Release())
				}
				file := newFile(t)
				written, err := far.ReceiveFile(ctx, m, file, &zcnet.ReceiveFileOptions{Offset: 100, Flush: zcnet.FlushAsync})
				check(t, err)
				got := contentOf(t, file)
				if written != size || len(got) != int(size)+100 || !bytes.Equal(got[100:], body(int(size))) {
					t.Errorf("%d of %d bytes are in the file, and it has %d", written, size, len(got))
				}
				check(t, file.Close()) // it is still the program's
				seen = append(seen, fmt.Sprint(written))
			}
			want := fmt.Sprint([]string{"first", fmt.Sprint(len(large)), "second", fmt.Sprint(headerFrom), fmt.Sprint(headerFrom), "last"})
			if fmt.Sprint(seen) != want {
				t.Errorf("%v, not %s", seen, want)
			}
			if stats := far.Stats(); stats.FileReceived+stats.CopiedBody != uint64(len(large)+2*len(other)) || stats.FileReceived == 0 {
				t.Errorf("%+v", stats)
			}
		})
	}
}

func uploading(t *testing.T) (near, far *zcnet.Conn) {
	t.Helper()
	return pair(t, background(t, nil), uploads, &zcnet.ConnOptions{HeaderFrom: headerFrom})
}

func TestBodiesThatGoNowhere(t *testing.T) {
	ctx := limited(t)
	near, far := uploading(t)
	upload(t, near, body(500000), body(1<<20), body(70000), []byte("after"))
	header := func() zcnet.Message { return must[zcnet.Message](t)(far.Recv(ctx)) }

	dropped := header()
	if written, err := far.ReceiveFile(ctx, dropped, nil, nil); written != 0 || err != nil {
		t.Error(written, err)
	}
	// The body has its place: a second call does not take what follows for it.
	if _, err := far.ReceiveFile(ctx, dropped, nil, nil); err != zcnet.ErrInvalid {
		t.Error(err)
	}
	check(t, dropped.Release())
	misuse(t, "ReceiveFile", func() error { _, err := far.ReceiveFile(ctx, dropped, nil, nil); return err })

	refused := header()
	full := must[*os.File](t)(os.OpenFile("/dev/full", os.O_WRONLY, 0))
	defer full.Close()
	written, err := far.ReceiveFile(ctx, refused, full, nil)
	var details *zcnet.Error
	if written != 0 || !errors.Is(err, zcnet.ErrNoSpace) || !errors.As(err, &details) || details.Errno != syscall.ENOSPC {
		t.Error(written, err)
	}
	check(t, refused.Release())

	again := header()
	r, w := must2(t)(os.Pipe())
	defer r.Close()
	defer w.Close()
	if _, err := far.ReceiveFile(ctx, again, w, nil); !errors.Is(err, zcnet.ErrUnsupported) {
		t.Error(err)
	}
	if _, err := far.ReceiveFile(ctx, again, newFile(t), &zcnet.ReceiveFileOptions{Offset: -1}); err != zcnet.ErrInvalid {
		t.Error(err)
	}
	// Nothing of that has taken the body away.
	file := newFile(t)
	if written, err := far.ReceiveFile(ctx, again, file, nil); written != 70000 || err != nil || len(contentOf(t, file)) != 70000 {
		t.Error(written, err)
	}
	check(t, again.Release())

	after := header()
	if after.String() != "after" || after.BodySize() != 0 {
		t.Errorf("%q", after.String())
	}
	if _, err := far.ReceiveFile(ctx, after, nil, nil); err != zcnet.ErrInvalid {
		t.Error(err)
	}
	check(t, after.Release())
	if stats := far.Stats(); stats.BodyDropped != 500000+1<<20 {
		t.Errorf("%+v", stats)
	}
}

func must2(t *testing.T) func(a, b *os.File, err error) (*os.File, *os.File) {
	return func(a, b *os.File, err error) (*os.File, *os.File) {
		t.Helper()
		check(t, err)
		return a, b
	}
}

// halfABody is a header whose body comes to an end before it is whole.
func halfABody(t *testing.T) (conn net.Conn, far *zcnet.Conn, header zcnet.Message) {
	t.Helper()
	ctx := limited(t)
	listener := must[*zcnet.Listener](t)(background(t, nil).Listen("tcp://127.0.0.1:0", uploads,
		&zcnet.ListenOptions{Conn: &zcnet.ConnOptions{HeaderFrom: headerFrom}}))
	conn = must[net.Conn](t)(net.Dial("tcp", listener.Addr().String()[len("tcp://"):]))
	t.Cleanup(func() { conn.Close() })
	must[int](t)(conn.Write(append([]byte{0, 0, 0, 0, 0, 16, 0, 0}, body(100000)...)))
	far = must[*zcnet.Conn](t)(listener.Accept(ctx))
	header = must[zcnet.Message](t)(far.Recv(ctx))
	t.Cleanup(func() { header.Release() })
	return conn, far, header
}

func TestABodyThatEndsTooEarly(t *testing.T) {
	conn, far, header := halfABody(t)
	check(t, conn.Close())
	file := newFile(t)
	written, err := far.ReceiveFile(limited(t), header, file, nil)
	if written != 100000 || !errors.Is(err, io.ErrUnexpectedEOF) || !bytes.Equal(contentOf(t, file), body(100000)) {
		t.Error(written, err)
	}
	<-far.Done()
	if !errors.Is(far.Err(), io.ErrUnexpectedEOF) {
		t.Error(far.Err())
	}
}

// What the program does in the middle of a body ends the connection, and the waiting.
func TestABodyThatIsGivenUp(t *testing.T) {
	for name, giveUp := range map[string]func(far *zcnet.Conn, cancel func()){
		"context": func(_ *zcnet.Conn, cancel func()) { cancel() },
		"close":   func(far *zcnet.Conn, _ func()) { _ = far.Close() },
		"abort":   func(far *zcnet.Conn, _ func()) { _ = far.Abort() },
		"loop":    func(far *zcnet.Conn, _ func()) { _ = far.Loop().Close() },
	} {
		t.Run(name, func(t *testing.T) {
			_, far, header := halfABody(t)
			ctx, cancel := context.WithCancel(limited(t))
			defer cancel()
			file := newFile(t)
			ended := make(chan error, 1)
			go func() {
				_, err := far.ReceiveFile(ctx, header, file, nil)
				ended <- err
			}()
			eventually(t, "a part of the body is in the file", func() bool { return len(contentOf(t, file)) == 100000 })
			giveUp(far, cancel)
			if err := <-ended; !errors.Is(err, net.ErrClosed) && err != context.Canceled {
				t.Error(err)
			}
			<-far.Done()
		})
	}
	_, far, header := halfABody(t)
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if _, err := far.ReceiveFile(ctx, header, nil, nil); err != context.Canceled || far.Err() != nil {
		t.Error(err, far.Err())
	}
}

// Where the program takes the events, any bytes behind a message may go into a file.
func TestEventsAndReceivedFiles(t *testing.T) {
	loop := must[*zcnet.Loop](t)(zcnet.NewLoop(nil))
	defer loop.Close()
	lines := zcnet.MustParseFraming(`delimiter=\n,strip=1,max=1K`)
	listener := must[*zcnet.Listener](t)(loop.Listen("tcp://127.0.0.1:0", lines, nil))
	conn := must[net.Conn](t)(net.Dial("tcp", listener.Addr().String()[len("tcp://"):]))
	defer conn.Close()
	content := body(400000)
	go func() {
		_, _ = conn.Write(append([]byte("put\n"), append(content, "next\nrest\n"...)...))
		_, _ = conn.Write(content)
		_ = conn.Close()
	}()
	first, rest := newFile(t), newFile(t)
	var seen []string
	var stale zcnet.Message
	for event := range loop.Events(limited(t)) {
		switch event.Type() {
		case zcnet.EventMessage:
			m := event.Message()
			if m.BodySize() != 0 || event.Written() != 0 {
				t.Error("a message that is whole has a body")
			}
			seen = append(seen, m.String())
			conn := event.Conn()
			switch m.String() {
			case "put":
				if _, err := conn.ReceiveFile(limited(t), m, first, nil); !errors.Is(err, zcnet.ErrUnsupported) {
					t.Error(err)
				}
				check(t, conn.TryReceiveFile(m, first, int64(len(content)), &zcnet.ReceiveFileOptions{Token: 5}))
				if err := conn.TryReceiveFile(m, first, 1, nil); err != zcnet.ErrBusy {
					t.Error(err)
				}
				stale = m
			case "next":
				misuse(t, "TryReceiveFile", func() error { return conn.TryReceiveFile(stale, first, 1, nil) })
			case "rest":
				check(t, conn.TryReceiveFile(m, rest, -1, &zcnet.ReceiveFileOptions{Token: 6, Flush: zcnet.FlushSync}))
			}
		case zcnet.EventFileReceived:
			check(t, event.Err())
			seen = append(seen, fmt.Sprintf("%d %d", event.Token(), event.Written()))
		case zcnet.EventClosed:
			check(t, loop.Shutdown(context.Background()))
		}
	}
	if fmt.Sprint(seen) != "[put 5 400000 next rest 6 400000]" {
		t.Error(seen)
	}
	if !bytes.Equal(contentOf(t, first), content) || !bytes.Equal(contentOf(t, rest), content) {
		t.Error("something else is in the files")
	}
}

// The same, with headers that come alone, and a file that takes nothing.
func TestEventsAndHeaders(t *testing.T) {
	loop := must[*zcnet.Loop](t)(zcnet.NewLoop(nil))
	defer loop.Close()
	listener := must[*zcnet.Listener](t)(loop.Listen("tcp://127.0.0.1:0", uploads,
		&zcnet.ListenOptions{Conn: &zcnet.ConnOptions{HeaderFrom: headerFrom}}))
	near := must[*zcnet.Conn](t)(background(t, nil).Dial(limited(t), listener.Addr().String(), uploads, nil))
	upload(t, near, body(200000), []byte("after"))
	full := must[*os.File](t)(os.OpenFile("/dev/full", os.O_WRONLY, 0))
	defer full.Close()
	var told error
	for event := range loop.Events(limited(t)) {
		if event.Type() == zcnet.EventFileReceived {
			told = event.Err()
		}
		if event.Type() != zcnet.EventMessage {
			continue
		}
		m := event.Message()
		if m.String() == "after" {
			break
		}
		if m.BodySize() != 200000 || event.Token() != 0 {
			t.Errorf("%d bytes, token %d", m.BodySize(), event.Token())
		}
		if err := event.Conn().TryReceiveFile(m, full, 1000, nil); err != zcnet.ErrInvalid { // not the body's size
			t.Error(err)
		}
		check(t, event.Conn().TryReceiveFile(m, full, m.BodySize(), nil))
	}
	var details *zcnet.Error
	if !errors.Is(told, zcnet.ErrNoSpace) || !errors.As(told, &details) || details.Text == "" {
		t.Error(told)
	}
}
