// SPDX-License-Identifier: MIT

package zcnet_test

import (
	"context"
	"errors"
	"io"
	"net"
	"os"
	"syscall"
	"testing"
	"time"

	zcnet "github.com/libzcnet/libzcnet/bindings/go"
)

// sockets are two connected ones.
func sockets(t *testing.T) (a, b net.Conn) {
	t.Helper()
	pair, err := syscall.Socketpair(syscall.AF_UNIX, syscall.SOCK_STREAM|syscall.SOCK_CLOEXEC, 0)
	check(t, err)
	conns := [2]net.Conn{}
	for i, fd := range pair {
		file := os.NewFile(uintptr(fd), "socket")
		conns[i] = must[net.Conn](t)(net.FileConn(file))
		check(t, file.Close())
		check(t, conns[i].SetDeadline(time.Now().Add(time.Minute)))
		t.Cleanup(func() { conns[i].Close() })
	}
	return conns[0], conns[1]
}

// The first message has a framing of its own: a line, say, before records.
func TestRelayFirstMessages(t *testing.T) {
	client, inner := sockets(t)
	outer, server := sockets(t)
	lines := zcnet.MustParseFraming("delimiter=\\n,max=1K")
	relay := must[*zcnet.Relay](t)(background(t, nil).Relay(inner, outer, &zcnet.RelayOptions{
		ForwardFraming: lengths, ForwardFirst: lines, BackwardFraming: lengths, BackwardFirst: lines}))
	for _, way := range [][2]net.Conn{{client, server}, {server, client}} {
		frames := "a first line\n\x00\x00\x00\x01a\x00\x00\x00\x01b"
		must[int](t)(way[0].Write([]byte(frames)))
		check(t, way[0].(*net.UnixConn).CloseWrite())
		if got := must[[]byte](t)(io.ReadAll(way[1])); string(got) != frames {
			t.Errorf("%q", got)
		}
	}
	<-relay.Done()
	if stats := relay.Stats(); stats.Forward.Messages != 3 || stats.Backward.Messages != 3 || !errors.Is(relay.Err(), io.EOF) {
		t.Errorf("%+v, %v", stats, relay.Err())
	}
}

func TestRelay(t *testing.T) {
	for name, method := range map[string]zcnet.RelayMethod{"splice": zcnet.RelaySplice, "copy": zcnet.RelayCopy} {
		t.Run(name, func(t *testing.T) {
			loop := background(t, nil)
			client, inner := sockets(t)
			outer, server := sockets(t)
			relay := must[*zcnet.Relay](t)(loop.Relay(inner, outer, &zcnet.RelayOptions{Method: method, ForwardFraming: lengths}))
			tap, copied, err := os.Pipe()
			check(t, err)
			defer tap.Close()
			check(t, relay.Tap(zcnet.Forward, copied, zcnet.TapWait, time.Minute))
			check(t, copied.Close())
			if _, err := inner.Write([]byte("x")); !errors.Is(err, net.ErrClosed) {
				t.Errorf("the socket is still the caller's: %v", err)
			}
			frame := "\x00\x00\x00\x07through"
			must[int](t)(client.Write([]byte(frame)))
			check(t, client.(*net.UnixConn).CloseWrite())
			if got := must[[]byte](t)(io.ReadAll(server)); string(got) != frame {
				t.Errorf("%q", got)
			}
			check(t, server.Close())
			<-relay.Done()
			if !errors.Is(relay.Err(), io.EOF) {
				t.Error(relay.Err())
			}
			if got := must[[]byte](t)(io.ReadAll(tap)); string(got) != frame {
				t.Errorf("the tap has %q", got)
			}
			flow := relay.Stats().Forward
			if flow.BytesOut != 11 || flow.Messages != 1 || flow.TappedBytes != 11 || !flow.Ended || flow.TapErr != nil {
				t.Errorf("%+v", flow)
			}
		})
	}
}

func TestRelayOfConnections(t *testing.T) {
	loop := must[*zcnet.Loop](t)(zcnet.NewLoop(nil))
	defer loop.Close()
	client, inner := sockets(t)
	outer, server := sockets(t)
	first := must[*zcnet.Conn](t)(loop.Adopt(inner, lengths, nil))
	second := must[*zcnet.Conn](t)(loop.Adopt(outer, lengths, nil))
	var relay *zcnet.Relay
	must[int](t)(client.Write([]byte("any bytes")))
	closed := 0
	for event := range loop.Events(limited(t)) {
		switch event.Type() {
		case zcnet.EventConnected:
			if event.Conn() == second {
				relay = must[*zcnet.Relay](t)(loop.RelayConns(first, second, nil))
				go func() {
					got := make([]byte, 9)
					_, _ = io.ReadFull(server, got)
					_, _ = server.Write(got)
					_, _ = io.ReadFull(client, got)
					_ = relay.Close()
				}()
			}
		case zcnet.EventClosed:
			if closed++; event.Err() != nil {
				t.Errorf("a connection that became a relay: %v", event.Err())
			}
		case zcnet.EventRelayEnded:
			if event.Relay() != relay || event.Err() != nil {
				t.Errorf("%v of %v", event.Err(), event.Relay())
			}
			check(t, loop.Shutdown(context.Background()))
		}
	}
	if closed != 2 || relay.Stats().Backward.BytesOut != 9 {
		t.Errorf("%d closed, %+v", closed, relay.Stats())
	}
	if _, err := loop.RelayConns(first, second, nil); !errors.Is(err, net.ErrClosed) {
		t.Error(err)
	}
}

func TestRelayStatsOfALoop(t *testing.T) {
	loop := background(t, nil)
	client, inner := sockets(t)
	outer, server := sockets(t)
	first := must[*zcnet.Relay](t)(loop.Relay(inner, outer, &zcnet.RelayOptions{Method: zcnet.RelayCopy, ForwardFraming: lengths}))
	_, left := sockets(t)
	right, _ := sockets(t)
	second := must[*zcnet.Relay](t)(loop.Relay(left, right, nil))
	must[int](t)(client.Write([]byte("\x00\x00\x00\x07through")))
	check(t, client.(*net.UnixConn).CloseWrite())
	must[[]byte](t)(io.ReadAll(server))
	must[int](t)(server.Write([]byte("back")))
	check(t, server.(*net.UnixConn).CloseWrite())
	must[[]byte](t)(io.ReadAll(client))
	<-first.Done()
	stats := must[zcnet.LoopRelayStats](t)(loop.RelayStats())
	if stats.ReadCalls < 2 || stats.WriteCalls < 2 {
		t.Errorf("%+v", stats)
	}
	stats.ReadCalls, stats.WriteCalls = 0, 0
	if stats != (zcnet.LoopRelayStats{Open: 1, Ended: 1, ForwardBytes: 11, BackwardBytes: 4, CopiedBytes: 15, Messages: 1}) {
		t.Errorf("%+v", stats)
	}
	check(t, second.Abort())
	<-second.Done()
	if stats := must[zcnet.LoopRelayStats](t)(loop.RelayStats()); stats.Open != 0 || stats.Ended != 2 {
		t.Errorf("%+v", stats)
	}
	check(t, loop.Close())
	<-loop.Done()
	if _, err := loop.RelayStats(); !errors.Is(err, net.ErrClosed) {
		t.Error(err)
	}
}

func TestRelayRefuses(t *testing.T) {
	loop := background(t, nil)
	left, right := net.Pipe()
	if _, err := loop.Relay(left, right, nil); !errors.Is(err, zcnet.ErrUnsupported) {
		t.Error(err)
	}
	a, b := sockets(t)
	if _, err := loop.Relay(a, b, &zcnet.RelayOptions{Budget: -1}); err != zcnet.ErrInvalid {
		t.Error(err)
	}
	must[int](t)(a.Write([]byte("still mine")))
	other := background(t, nil)
	near, far := pair(t, other, lengths, nil)
	if _, err := loop.RelayConns(near, far, nil); err != zcnet.ErrInvalid {
		t.Error(err)
	}
}
