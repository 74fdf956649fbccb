// SPDX-License-Identifier: MIT

package zcnet_test

import (
	"context"
	"errors"
	"io"
	"net"
	"os"
	"strings"
	"testing"

	zcnet "github.com/libzcnet/libzcnet/bindings/go"
)

// statPage is what somebody reads who connects.
func statPage(t *testing.T, address string) string {
	t.Helper()
	path := strings.TrimPrefix(address, "unix://")
	if name, abstract := strings.CutPrefix(address, "unix-abstract:"); abstract {
		path = "@" + name
	}
	conn := must[net.Conn](t)(net.Dial("unix", path))
	defer conn.Close()
	return string(must[[]byte](t)(io.ReadAll(conn)))
}

func TestCountersForWhoeverAsks(t *testing.T) {
	ctx := limited(t)
	all := addresses(t)
	for _, address := range []string{all["unix"], all["abstract"]} {
		loop := background(t, nil)
		page := must[*zcnet.Listener](t)(loop.ListenStat(address))
		if page.Addr().String() != address {
			t.Errorf("%v, not %s", page.Addr(), address)
		}
		near, far := pair(t, loop, lengths, nil)
		check(t, near.SendCopy(ctx, []byte("one")))
		m := must[zcnet.Message](t)(far.Recv(ctx))
		check(t, m.Release())
		text := statPage(t, address)
		if !strings.HasPrefix(text, "zcnet "+zcnet.Version()+"\n") || !strings.HasSuffix(text, "\nend\n") ||
			!strings.Contains(text, "messages_in 1\n") || !strings.Contains(text, "\nconn tcp://127.0.0.1:") {
			t.Errorf("%s", text)
		}
		check(t, page.Close())
		<-page.Done()
		if _, err := page.Accept(ctx); !errors.Is(err, net.ErrClosed) {
			t.Error(err)
		}
		check(t, near.SendCopy(ctx, []byte("two"))) // nothing else has ended
	}
	if _, err := background(t, nil).ListenStat("tcp://127.0.0.1:0"); !errors.Is(err, zcnet.ErrAddress) && !errors.Is(err, zcnet.ErrUnsupported) {
		t.Error(err)
	}
	page := must[*zcnet.Listener](t)(zcnet.ListenStat(all["unix"])) // of the package's own loop
	if text := statPage(t, all["unix"]); !strings.HasPrefix(text, "zcnet ") {
		t.Errorf("%s", text)
	}
	if info := must[os.FileInfo](t)(os.Stat(all["unix"][len("unix://"):])); info.Mode().Perm() != 0o600 {
		t.Error(info.Mode())
	}
	check(t, page.Close())
	<-page.Done()
}

// Where the program takes the events, it sees nothing of the page but its end.
func TestEventsOfAStatPage(t *testing.T) {
	address := addresses(t)["unix"]
	loop := must[*zcnet.Loop](t)(zcnet.NewLoop(nil))
	page := must[*zcnet.Listener](t)(loop.ListenStat(address))
	read := make(chan string, 1)
	go func() { read <- statPage(t, address) }()
	ctx, cancel := context.WithCancel(limited(t))
	defer cancel()
	go func() {
		<-read
		check(t, page.Close())
	}()
	for event := range loop.Events(ctx) {
		if event.Type() != zcnet.EventListenerClosed || event.Listener() != page {
			t.Error(event.Type())
		}
		break
	}
	check(t, loop.Close())
	<-loop.Done()
}
