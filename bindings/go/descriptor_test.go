// SPDX-License-Identifier: MIT

package zcnet_test

import (
	"errors"
	"net"
	"syscall"
	"testing"

	zcnet "github.com/libzcnet/libzcnet/bindings/go"
)

func TestDescriptors(t *testing.T) {
	loop := background(t, nil)
	listener := must[*zcnet.Listener](t)(loop.Listen("tcp://127.0.0.1:0", lengths, nil))
	conn := must[*zcnet.Conn](t)(loop.Dial(limited(t), listener.Addr().String(), lengths, nil))
	for name, control := range map[string]func(func(uintptr)) error{"conn": conn.Control, "listener": listener.Control} {
		check(t, control(func(fd uintptr) {
			check(t, syscall.SetsockoptInt(int(fd), syscall.SOL_SOCKET, syscall.SO_PRIORITY, 3))
			if got, err := syscall.GetsockoptInt(int(fd), syscall.SOL_SOCKET, syscall.SO_PRIORITY); err != nil || got != 3 {
				t.Error(name, got, err)
			}
		}))
	}
	check(t, conn.Close())
	check(t, listener.Close())
	<-conn.Done()
	<-listener.Done()
	never := func(uintptr) { t.Error("a descriptor of what is closed") }
	if err := conn.Control(never); !errors.Is(err, net.ErrClosed) {
		t.Error(err)
	}
	if err := listener.Control(never); !errors.Is(err, net.ErrClosed) {
		t.Error(err)
	}
}
