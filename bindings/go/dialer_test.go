// SPDX-License-Identifier: MIT

package zcnet_test

import (
	"context"
	"errors"
	"net"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	zcnet "github.com/libzcnet/libzcnet/bindings/go"
)

func quick() *zcnet.DialerOptions {
	return &zcnet.DialerOptions{First: 10 * time.Millisecond, Longest: 40 * time.Millisecond}
}

// nobody is an address where nobody listens.
func nobody(t *testing.T) string {
	t.Helper()
	return "unix://" + filepath.Join(shortDir(t), "nobody")
}

func TestDialerGivesOneConnectionAfterTheOther(t *testing.T) {
	ctx := limited(t)
	for name, address := range addresses(t) {
		t.Run(name, func(t *testing.T) {
			loop := background(t, nil)
			listener := must[*zcnet.Listener](t)(loop.Listen(address, lengths, nil))
			go func() { // answers once, and ends the connection
				for {
					conn, err := listener.Accept(ctx)
					if err != nil {
						return
					}
					if m, err := conn.Recv(ctx); err == nil {
						_ = conn.SendMessage(ctx, m)
						_ = m.Release()
					}
					_ = conn.Close()
				}
			}()
			dialer := must[*zcnet.Dialer](t)(loop.NewDialer(listener.Addr().String(), lengths, quick()))
			answers := 0
			for conn := range dialer.Conns(ctx) {
				if dialer.Conn() != conn {
					t.Fatal("the present connection is another one")
				}
				check(t, conn.SendCopy(ctx, []byte{byte(answers)}))
				for m := range conn.Messages(ctx) {
					if m.Bytes()[0] != byte(answers) {
						t.Fatalf("%d came as number %d", m.Bytes()[0], answers)
					}
					answers++
				}
				check(t, conn.ReadErr())
				<-conn.Done()
				if answers == 5 {
					break
				}
				_ = dialer.Hurry()
			}
			if stats := dialer.Stats(); stats.Connected < 5 || stats.Attempts < stats.Connected {
				t.Errorf("%+v", stats)
			}
			check(t, dialer.Close())
			if err := dialer.Close(); !errors.Is(err, net.ErrClosed) {
				t.Errorf("a second Close says %v", err)
			}
			<-dialer.Done()
			if _, err := dialer.Next(ctx); !errors.Is(err, net.ErrClosed) || dialer.Err() != nil {
				t.Errorf("after the end: %v, %v", err, dialer.Err())
			}
			if dialer.Conn() != nil || dialer.Stats().Connected < 5 || !errors.Is(dialer.Hurry(), net.ErrClosed) {
				t.Error("an ended dialer says something else")
			}
		})
	}
}

func TestDialerGivesUp(t *testing.T) {
	loop := background(t, nil)
	options := quick()
	options.Attempts = 3
	dialer := must[*zcnet.Dialer](t)(loop.NewDialer(nobody(t), lengths, options))
	if _, err := dialer.Next(limited(t)); !errors.Is(err, syscall.ECONNREFUSED) {
		t.Error(err)
	}
	if !errors.Is(dialer.Err(), zcnet.ErrRefused) || dialer.Stats().Attempts != 3 {
		t.Errorf("%v, %+v", dialer.Err(), dialer.Stats())
	}
	ctx, cancel := context.WithCancel(context.Background())
	dialer = must[*zcnet.Dialer](t)(loop.NewDialer(nobody(t), lengths, nil))
	time.AfterFunc(time.Millisecond, cancel)
	if _, err := dialer.Next(ctx); !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
	check(t, dialer.Close())
	<-dialer.Done()
	if _, err := loop.NewDialer("nowhere", lengths, nil); !errors.Is(err, zcnet.ErrAddress) {
		t.Error(err)
	}
	if _, err := loop.NewDialer("tcp://127.0.0.1:1", lengths, &zcnet.DialerOptions{Attempts: -1}); err != zcnet.ErrInvalid {
		t.Error(err)
	}
}

func TestDialerByEvents(t *testing.T) {
	loop := must[*zcnet.Loop](t)(zcnet.NewLoop(nil))
	defer loop.Close()
	listener := must[*zcnet.Listener](t)(loop.Listen("tcp://127.0.0.1:0", lengths, nil))
	dialer := must[*zcnet.Dialer](t)(loop.NewDialer(listener.Addr().String(), lengths, quick()))
	var present *zcnet.Conn
	messages, redials := 0, 0
	for event := range loop.Events(limited(t)) {
		switch event.Type() {
		case zcnet.EventConnected:
			if present = event.Conn(); event.Dialer() != dialer || dialer.Conn() != present {
				t.Fatal("a connection of another dialer")
			}
			check(t, present.TrySend(unit(t, lengths, "hello")))
		case zcnet.EventMessage:
			if event.Conn() == present {
				t.Fatal("an answer that nobody gave")
			}
			if messages++; messages < 3 {
				check(t, event.Conn().Abort())
			} else {
				check(t, dialer.Close())
			}
		case zcnet.EventClosed:
			if event.Conn() == present && messages < 3 && event.Err() == nil {
				t.Error("a reset is no reason")
			}
		case zcnet.EventRedial:
			if event.Dialer() != dialer || event.Err() == nil || event.Conn() != nil || dialer.Conn() != nil {
				t.Errorf("%v of %v", event.Err(), event.Dialer())
			}
			if wait := event.Wait(); wait < time.Millisecond || wait > 40*time.Millisecond {
				t.Errorf("a wait of %v", wait)
			}
			redials++
		case zcnet.EventDialerClosed:
			if event.Dialer() != dialer || event.Err() != nil {
				t.Errorf("closed: %v", event.Err())
			}
			check(t, loop.Shutdown(context.Background()))
		}
	}
	if messages != 3 || redials != 2 {
		t.Errorf("%d messages, %d redials", messages, redials)
	}
	<-dialer.Done()
}

func TestDialersEndWithTheirLoop(t *testing.T) {
	loop := must[*zcnet.Loop](t)(zcnet.StartLoop(nil))
	dialer := must[*zcnet.Dialer](t)(loop.NewDialer(nobody(t), lengths, nil))
	near, _ := sockets(t)
	far, _ := sockets(t)
	relay := must[*zcnet.Relay](t)(loop.Relay(near, far, nil))
	check(t, loop.Close())
	<-dialer.Done()
	<-relay.Done()
	if !errors.Is(dialer.Err(), net.ErrClosed) || !errors.Is(relay.Err(), net.ErrClosed) {
		t.Errorf("%v, %v", dialer.Err(), relay.Err())
	}
	if !errors.Is(relay.Abort(), net.ErrClosed) {
		t.Error("an ended relay is aborted")
	}
}
