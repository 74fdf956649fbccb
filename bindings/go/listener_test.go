// SPDX-License-Identifier: MIT

package zcnet_test

import (
	"errors"
	"net"
	"strings"
	"syscall"
	"testing"

	zcnet "github.com/libzcnet/libzcnet/bindings/go"
)

// withoutDescriptors calls use while the process can have no more descriptors than it has.
func withoutDescriptors(t *testing.T, use func()) {
	t.Helper()
	var before syscall.Rlimit
	check(t, syscall.Getrlimit(syscall.RLIMIT_NOFILE, &before))
	lowest := must[int](t)(syscall.Dup(0))
	check(t, syscall.Close(lowest))
	check(t, syscall.Setrlimit(syscall.RLIMIT_NOFILE, &syscall.Rlimit{Cur: uint64(lowest), Max: before.Max}))
	defer func() { check(t, syscall.Setrlimit(syscall.RLIMIT_NOFILE, &before)) }()
	use()
}

func TestAcceptingPausesWithoutDescriptors(t *testing.T) {
	loop := must[*zcnet.Loop](t)(zcnet.NewLoop(nil))
	defer loop.Close()
	listener := must[*zcnet.Listener](t)(loop.Listen("tcp://127.0.0.1:0", lengths, nil))
	ctx := limited(t)
	for range 6 { // the first of them are sent away
		client := must[net.Conn](t)(net.Dial("tcp", strings.TrimPrefix(listener.Addr().String(), "tcp://")))
		defer client.Close()
	}
	var why error
	withoutDescriptors(t, func() {
		for event := range loop.Events(ctx) {
			if event.Type() == zcnet.EventAcceptLimited {
				if event.Listener() != listener {
					t.Error("another listener")
				}
				why = event.Err()
				break
			}
		}
	})
	check(t, loop.Err())
	var details *zcnet.Error
	if !errors.As(why, &details) || !errors.Is(why, syscall.EMFILE) || !errors.Is(why, zcnet.ErrSystem) ||
		details.Op != "accept" || !strings.HasSuffix(why.Error(), syscall.EMFILE.Error()) {
		t.Errorf("%v", why)
	}
	for event := range loop.Events(ctx) { // it goes on by itself
		if event.Type() == zcnet.EventAccepted {
			break
		}
	}
	check(t, loop.Err())
}

func TestAcceptingPausesAtTheLimit(t *testing.T) {
	loop := must[*zcnet.Loop](t)(zcnet.NewLoop(nil))
	defer loop.Close()
	listener := must[*zcnet.Listener](t)(loop.Listen("tcp://127.0.0.1:0", lengths, &zcnet.ListenOptions{MaxConnections: 1}))
	for range 2 {
		must[*zcnet.Conn](t)(loop.Connect(listener.Addr().String(), lengths, nil))
	}
	for event := range loop.Events(limited(t)) {
		if event.Type() == zcnet.EventAcceptLimited {
			if event.Err() != zcnet.ErrLimit || event.Listener() != listener {
				t.Errorf("%v of %v", event.Err(), event.Listener())
			}
			break
		}
	}
	check(t, loop.Err())
}
