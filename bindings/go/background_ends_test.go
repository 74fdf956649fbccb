// SPDX-License-Identifier: MIT

package zcnet_test

import (
	"errors"
	"io"
	"net"
	"syscall"
	"testing"

	zcnet "github.com/libzcnet/libzcnet/bindings/go"
)

func TestReceiveEndsAsTheConnectionDoes(t *testing.T) {
	ctx := limited(t)
	loop := background(t, nil)
	near, far := pair(t, loop, lengths, nil)
	check(t, near.SendCopy(ctx, []byte("the last")))
	check(t, near.Close())
	m := must[zcnet.Message](t)(far.Recv(ctx))
	if m.String() != "the last" {
		t.Errorf("%q", m.String())
	}
	check(t, m.Release())
	if _, err := far.Recv(ctx); err != io.EOF {
		t.Error(err)
	}
	<-far.Done()
	if !errors.Is(far.Err(), io.EOF) {
		t.Error(far.Err())
	}

	near, far = pair(t, loop, lengths, nil)
	check(t, near.Abort())
	if _, err := far.Recv(ctx); !errors.Is(err, syscall.ECONNRESET) {
		t.Error(err)
	}
	<-near.Done()
	if !errors.Is(near.Err(), net.ErrClosed) || !errors.Is(near.Err(), zcnet.ErrAborted) {
		t.Error(near.Err())
	}

	// A frame that is too long, and one that is cut.
	for wire, want := range map[string]error{"\xff\xff\xff\xff": zcnet.ErrFrameTooLarge, "\x00\x00\x00\x09half": io.ErrUnexpectedEOF} {
		listener := must[*zcnet.Listener](t)(loop.Listen("tcp://127.0.0.1:0", lengths, nil))
		plain := must[net.Conn](t)(net.Dial("tcp", listener.Addr().String()[len("tcp://"):]))
		must[int](t)(plain.Write([]byte(wire)))
		check(t, plain.Close())
		conn := must[*zcnet.Conn](t)(listener.Accept(ctx))
		for range conn.Messages(ctx) {
			t.Error("a message")
		}
		if !errors.Is(conn.ReadErr(), want) {
			t.Errorf("%q ended with %v", wire, conn.ReadErr())
		}
		check(t, listener.Close())
	}
}

func TestHalfOpen(t *testing.T) {
	ctx := limited(t)
	loop := background(t, nil)
	near, far := pair(t, loop, lengths, &zcnet.ConnOptions{HalfOpen: true})
	check(t, near.SendCopy(ctx, []byte("question")))
	check(t, near.CloseWrite())
	for m := range far.Messages(ctx) {
		check(t, far.SendMessage(ctx, m))
	}
	check(t, far.ReadErr())
	check(t, far.SendCopy(ctx, []byte("and more")))
	check(t, far.Close())
	var got []string
	for m := range near.Messages(ctx) {
		got = append(got, m.String())
	}
	check(t, near.ReadErr())
	if len(got) != 2 || got[0] != "question" || got[1] != "and more" {
		t.Errorf("%q", got)
	}
}

// Bytes that are not in the framing: the program learns of them, and can tell the peer so.
func TestHalfOpenOnError(t *testing.T) {
	ctx := limited(t)
	listener := must[*zcnet.Listener](t)(background(t, nil).Listen("tcp://127.0.0.1:0", lengths,
		&zcnet.ListenOptions{Conn: &zcnet.ConnOptions{HalfOpenOnError: true}}))
	plain := must[net.Conn](t)(net.Dial("tcp", listener.Addr().String()[len("tcp://"):]))
	defer plain.Close()
	must[int](t)(plain.Write([]byte("\x00\x00\x00\x05right\xff\xff\xff\xffwrong")))
	conn := must[*zcnet.Conn](t)(listener.Accept(ctx))
	var got []string
	for m := range conn.Messages(ctx) {
		got = append(got, m.String())
	}
	if err := conn.ReadErr(); !errors.Is(err, zcnet.ErrFrameTooLarge) || len(got) != 1 || got[0] != "right" {
		t.Error(err, got)
	}
	must[int](t)(plain.Write([]byte("\x00\x00\x00\x05later")))
	check(t, conn.SendCopy(ctx, []byte("too large")))
	check(t, conn.CloseWrite())
	if said := must[[]byte](t)(io.ReadAll(plain)); string(said) != "\x00\x00\x00\x09too large" {
		t.Errorf("%q", said)
	}
	check(t, plain.Close())
	<-conn.Done()
	if _, err := conn.Recv(ctx); !errors.Is(err, zcnet.ErrFrameTooLarge) {
		t.Error(err)
	}
	if err := conn.Err(); !errors.Is(err, zcnet.ErrFrameTooLarge) {
		t.Error(err)
	}
}
