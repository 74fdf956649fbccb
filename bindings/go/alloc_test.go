// SPDX-License-Identifier: MIT

package zcnet_test

import (
	"context"
	"testing"

	zcnet "github.com/libzcnet/libzcnet/bindings/go"
)

// allocations runs something many times and gives what one run allocates, as benchmarks count it.
func allocations(t *testing.T, each func(n int)) float64 {
	t.Helper()
	each(2000) // so that what is made once is there
	result := testing.Benchmark(func(b *testing.B) {
		b.ReportAllocs()
		each(b.N)
	})
	return float64(result.MemAllocs) / float64(result.N)
}

// Receiving and releasing allocate nothing: what little there is belongs to batches.
func TestReceivingAllocatesNothing(t *testing.T) {
	if raceBuild || zcnet.DebugBuild {
		t.Skip("the race detector and the debug mode allocate")
	}
	address := echoServer(t, "tcp://127.0.0.1:0", lengths, nil)
	ctx := limited(t)
	send := func(conn *zcnet.Conn, n int) int {
		sent := 0
		for sent < n && sent < 500 {
			room, err := conn.Reserve(64)
			for ; err == nil && len(room) >= 64 && sent < n && sent < 500; sent++ {
				room, err = conn.Commit(64)
			}
			if err != nil {
				t.Fatal(err)
			}
		}
		return sent
	}
	t.Run("Events", func(t *testing.T) {
		loop := must[*zcnet.Loop](t)(zcnet.NewLoop(nil))
		defer loop.Close()
		conn := must[*zcnet.Conn](t)(loop.Connect(address, lengths, nil))
		if got := allocations(t, func(n int) {
			for left := n; left > 0; {
				waiting := send(conn, left)
				left -= waiting
				for event := range loop.Events(ctx) {
					if event.Type() == zcnet.EventMessage && len(event.Message().Bytes()) == 64 {
						if waiting--; waiting == 0 {
							break
						}
					}
				}
			}
		}); got > 0.05 {
			t.Errorf("%g allocations a message", got)
		}
	})
	loop := background(t, nil)
	conn := must[*zcnet.Conn](t)(loop.Dial(ctx, address, lengths, nil))
	batch := must[*zcnet.UnitBatch](t)(zcnet.NewUnitBatch(nil, lengths, 1, 64))
	batch.Release()
	defer func() { batch.Release() }()
	queue := func(n int) int {
		n = min(n, 500)
		check(t, batch.Refill(nil, lengths, n, 64))
		check(t, conn.SendBatch(ctx, batch))
		return n
	}
	t.Run("Messages", func(t *testing.T) {
		if got := allocations(t, func(n int) {
			for left := n; left > 0; {
				waiting := queue(left)
				left -= waiting
				for m := range conn.Messages(ctx) {
					if m.Len() != 64 {
						t.Fatal(m.Len())
					}
					if waiting--; waiting == 0 {
						break
					}
				}
			}
		}); got > 0.05 {
			t.Errorf("%g allocations a message", got)
		}
	})
	t.Run("Recv and Release", func(t *testing.T) {
		background := context.Background()
		if got := allocations(t, func(n int) {
			for left := n; left > 0; {
				waiting := queue(left)
				for left -= waiting; waiting > 0; waiting-- {
					m, err := conn.Recv(background)
					if err != nil {
						t.Fatal(err)
					}
					check(t, m.Release())
				}
			}
		}); got > 0.05 {
			t.Errorf("%g allocations a message", got)
		}
	})
}
