// SPDX-License-Identifier: MIT

package zcnet_test

import (
	"context"
	"encoding/binary"
	"net"
	"testing"
	"unsafe"

	zcnet "github.com/libzcnet/libzcnet/bindings/go"
)

// flood writes n messages of 64 bytes to a listener, from plain Go, and ends the connection.
func flood(b *testing.B, address string, n int) {
	b.Helper()
	var buffer []byte
	for range 1000 {
		buffer = binary.BigEndian.AppendUint32(buffer, 64)
		buffer = append(buffer, make([]byte, 64)...)
	}
	go func() {
		conn, err := net.Dial("tcp", address[len("tcp://"):])
		if err != nil {
			b.Error(err)
			return
		}
		defer conn.Close()
		for ; n > 0; n -= 1000 {
			if _, err := conn.Write(buffer[:min(n, 1000)*68]); err != nil {
				b.Error(err)
				return
			}
		}
	}()
}

// receive takes b.N messages by events.
func receive(b *testing.B, loop *zcnet.Loop, framing *zcnet.Framing) {
	b.Helper()
	listener := must[*zcnet.Listener](b)(loop.Listen("tcp://127.0.0.1:0", framing, nil))
	b.ReportAllocs()
	flood(b, listener.Addr().String(), b.N)
	seen := 0
	for event := range loop.Events(context.Background()) {
		if event.Type() == zcnet.EventMessage {
			seen += len(event.Bytes()) / 64
		}
		if event.Type() == zcnet.EventClosed {
			break
		}
	}
	if seen != b.N {
		b.Fatal(seen)
	}
}

func BenchmarkEvents(b *testing.B) {
	loop := must[*zcnet.Loop](b)(zcnet.NewLoop(nil))
	defer loop.Close()
	receive(b, loop, lengths)
}

func inBackground(b *testing.B) *zcnet.Conn {
	listener := must[*zcnet.Listener](b)(background(b, nil).Listen("tcp://127.0.0.1:0", lengths, nil))
	b.ReportAllocs()
	flood(b, listener.Addr().String(), b.N)
	return must[*zcnet.Conn](b)(listener.Accept(context.Background()))
}

func BenchmarkMessages(b *testing.B) {
	seen := 0
	for m := range inBackground(b).Messages(context.Background()) {
		seen += len(m.Bytes()) / 64
	}
	if seen != b.N {
		b.Fatal(seen)
	}
}

func BenchmarkRecvAndRelease(b *testing.B) {
	conn := inBackground(b)
	for range b.N {
		m, err := conn.Recv(context.Background())
		if err != nil {
			b.Fatal(err)
		}
		if err := m.Release(); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkStreamMessages(b *testing.B) {
	listener := must[net.Listener](b)(net.Listen("tcp", "127.0.0.1:0"))
	defer listener.Close()
	b.ReportAllocs()
	flood(b, "tcp://"+listener.Addr().String(), b.N)
	s := must[*zcnet.Stream](b)(zcnet.NewStream(must[net.Conn](b)(listener.Accept()), lengths, nil))
	defer s.Close()
	seen := 0
	for m := range s.Messages(context.Background()) {
		seen += len(m.Bytes()) / 64
	}
	if seen != b.N {
		b.Fatal(seen)
	}
}

// BenchmarkCall is about what one call into C costs.
func BenchmarkCall(b *testing.B) {
	u := must[*zcnet.Unit](b)(zcnet.NewUnit(nil, nil, 1))
	defer u.Release()
	b.ReportAllocs()
	for range b.N {
		u.Len()
	}
}

func BenchmarkNewUnitAndRelease(b *testing.B) {
	b.ReportAllocs()
	for range b.N {
		u, err := zcnet.NewUnit(nil, lengths, 64)
		if err != nil {
			b.Fatal(err)
		}
		if err := u.Release(); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkUnitBatch(b *testing.B) {
	var batch zcnet.UnitBatch
	b.ReportAllocs()
	for n := b.N; n > 0; n -= 256 {
		if err := batch.Refill(nil, lengths, 256, 64); err != nil {
			b.Fatal(err)
		}
		batch.Release()
	}
}

// BenchmarkPoolSource is what it costs when a source in Go is asked, and given back to: once each.
func BenchmarkPoolSource(b *testing.B) {
	pool := must[*zcnet.Pool](b)(zcnet.NewPool(&zcnet.PoolOptions{Source: &always{make([]byte, 4<<20)}, Keep: 1}))
	defer pool.Close()
	for range b.N {
		u, err := zcnet.NewUnit(pool, nil, 1<<20)
		if err != nil {
			b.Fatal(err)
		}
		if err := u.Release(); err != nil {
			b.Fatal(err)
		}
	}
}

// always gives the same memory.
type always struct{ memory []byte }

func (s *always) Allocate(size, alignment int) []byte {
	from := alignment - int(uintptr(unsafe.Pointer(&s.memory[0])))&(alignment-1)
	return s.memory[from : from+size]
}

func (*always) Free([]byte) {}
