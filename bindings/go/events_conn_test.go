// SPDX-License-Identifier: MIT

package zcnet_test

import (
	"errors"
	"net"
	"syscall"
	"testing"

	zcnet "github.com/libzcnet/libzcnet/bindings/go"
)

func TestConnectionsThatFail(t *testing.T) {
	loop := must[*zcnet.Loop](t)(zcnet.NewLoop(nil))
	defer loop.Close()
	listener := must[*zcnet.Listener](t)(loop.Listen("tcp://127.0.0.1:0", lengths, nil))
	address := listener.Addr().String()
	if _, err := loop.Listen(address, lengths, nil); !errors.Is(err, syscall.EADDRINUSE) {
		t.Error(err)
	} else {
		var details *zcnet.Error
		if !errors.As(err, &details) || details.Errno != syscall.EADDRINUSE || details.Status != zcnet.ErrInUse {
			t.Errorf("%#v", err)
		}
	}
	check(t, listener.Close())
	conn := must[*zcnet.Conn](t)(loop.Connect(address, lengths, nil))
	for event := range loop.Events(limited(t)) {
		if event.Type() == zcnet.EventClosed {
			if !errors.Is(event.Err(), syscall.ECONNREFUSED) || event.Conn() != conn {
				t.Errorf("%v", event.Err())
			}
			break
		}
	}
	if !errors.Is(conn.Err(), zcnet.ErrRefused) {
		t.Error(conn.Err())
	}
	if _, err := loop.Connect("nonsense", lengths, nil); !errors.Is(err, zcnet.ErrAddress) {
		t.Error(err)
	}
	if _, err := loop.Connect(address, nil, nil); !errors.Is(err, zcnet.ErrInvalid) {
		t.Error(err)
	}
	if _, err := loop.Connect(address, lengths, &zcnet.ConnOptions{HighWater: -1}); err != zcnet.ErrInvalid {
		t.Error(err)
	}
	if err := conn.TrySendCopy(nil); !errors.Is(err, net.ErrClosed) {
		t.Error(err)
	}
	check(t, conn.Close()) // which is nothing any more
	if err := conn.Close(); !errors.Is(err, net.ErrClosed) {
		t.Error(err)
	}
	check(t, conn.Abort())
}

// The receive framing may change behind a message; what was read ahead is found again under the new one.
func TestSetFraming(t *testing.T) {
	loop := must[*zcnet.Loop](t)(zcnet.NewLoop(nil))
	defer loop.Close()
	lines := zcnet.MustParseFraming(`delimiter=\n,strip=1`)
	listener := must[*zcnet.Listener](t)(loop.Listen("tcp://127.0.0.1:0", lines, nil))
	conn := must[*zcnet.Conn](t)(loop.Connect(listener.Addr().String(), lines, nil))
	check(t, conn.TrySendCopy([]byte("upgrade")))
	check(t, conn.SetSendFraming(lengths))
	check(t, conn.TrySendCopy([]byte("one\ntwo")))
	var got []string
	for event := range loop.Events(limited(t)) {
		if event.Type() != zcnet.EventMessage {
			continue
		}
		if got = append(got, string(event.Bytes())); len(got) == 2 {
			break
		}
		check(t, event.Conn().SetFraming(event.Message(), lengths))
	}
	if len(got) != 2 || got[0] != "upgrade" || got[1] != "one\ntwo" {
		t.Errorf("%q", got)
	}
}

func TestSentTokens(t *testing.T) {
	loop := must[*zcnet.Loop](t)(zcnet.NewLoop(nil))
	defer loop.Close()
	listener := must[*zcnet.Listener](t)(loop.Listen("tcp://127.0.0.1:0", lengths, nil))
	conn := must[*zcnet.Conn](t)(loop.Connect(listener.Addr().String(), lengths, nil))
	for token := range uint64(10) {
		u := unit(t, lengths, "x")
		check(t, u.SetToken(100+token))
		check(t, conn.TrySend(u))
	}
	next := uint64(100)
	for event := range loop.Events(limited(t)) {
		if event.Type() != zcnet.EventSent {
			continue
		}
		if event.Token() != next || event.Err() != nil || event.Count() < 1 {
			t.Fatalf("%d %d %v", event.Token(), event.Count(), event.Err())
		}
		if next += uint64(event.Count()); next == 110 {
			break
		}
	}
}

// One unit for many, some of which have ended, and one that lags.
func TestSendToAll(t *testing.T) {
	loop := must[*zcnet.Loop](t)(zcnet.NewLoop(nil))
	defer loop.Close()
	listener := must[*zcnet.Listener](t)(loop.Listen("tcp://127.0.0.1:0", lengths, nil))
	const count = 50
	var near, far []*zcnet.Conn
	for i := range count {
		options := &zcnet.ConnOptions{HighWater: 1000}
		if i == 7 {
			options.Lag = zcnet.LagDropNewest
		}
		near = append(near, must[*zcnet.Conn](t)(loop.Connect(listener.Addr().String(), lengths, options)))
	}
	got := map[*zcnet.Conn]int{}
	for event := range loop.Events(limited(t)) {
		if event.Type() != zcnet.EventAccepted {
			if event.Type() != zcnet.EventMessage {
				continue
			}
			if got[event.Conn()]++; event.Message().String() != "to all" {
				t.Errorf("%q", event.Bytes())
			}
			if len(got) == count-1 {
				break
			}
			continue
		}
		if far = append(far, event.Conn()); len(far) < count {
			continue
		}
		check(t, near[3].Abort())
		errs := make([]error, count)
		sent := must[int](t)(loop.SendToAll(near, unit(t, lengths, "to all"), errs))
		if sent != count-1 {
			t.Errorf("%d", sent)
		}
		for i, err := range errs {
			if (i == 3) != errors.Is(err, net.ErrClosed) || i != 3 && err != nil {
				t.Errorf("%d: %v", i, err)
			}
		}
	}
	for _, n := range got {
		if n != 1 {
			t.Error(got)
		}
	}
	// Above high water: one is refused, the other drops.
	for range 3 {
		must[int](t)(loop.SendToAll(near[6:8], unit(t, lengths, string(make([]byte, 1000))), nil))
	}
	errs := make([]error, 2)
	must[int](t)(loop.SendToAll(near[6:8], unit(t, lengths, "x"), errs))
	if errs[0] != zcnet.ErrWouldBlock || errs[1] != nil || near[7].Stats().MessagesDropped == 0 {
		t.Error(errs, near[7].Stats())
	}
	u := unit(t, lengths, "stays")
	if _, err := loop.SendToAll(nil, u, nil); err != zcnet.ErrInvalid {
		t.Error(err)
	}
	if _, err := loop.SendToAll(near, u, errs); err != zcnet.ErrInvalid {
		t.Error(err)
	}
	other := must[*zcnet.Loop](t)(zcnet.NewLoop(nil))
	defer other.Close()
	if _, err := other.SendToAll(near, u, nil); err != zcnet.ErrInvalid {
		t.Error(err)
	}
	check(t, u.Release())
	if _, err := loop.SendToAll(near, u, nil); err != zcnet.ErrStale {
		t.Error(err)
	}
}
