// SPDX-License-Identifier: MIT

package zcnet_test

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"runtime"
	"strconv"
	"strings"
	"testing"

	zcnet "github.com/libzcnet/libzcnet/bindings/go"
)

// netstring measures frames such as "5:hello,".
func netstring(data []byte) (int, error) {
	digits, _, found := bytes.Cut(data, []byte(":"))
	if !found {
		if len(digits) > 10 {
			return 0, errTooLong
		}
		return 0, nil
	}
	n, err := strconv.Atoi(string(digits))
	if err != nil {
		return 0, err
	}
	return len(digits) + n + 2, nil
}

var errTooLong = errors.New("that is no length")

func measuring(t testing.TB, measure zcnet.MeasureFunc, options *zcnet.FramingOptions) *zcnet.Framing {
	t.Helper()
	return must[*zcnet.Framing](t)(zcnet.NewFraming(measure, options))
}

func TestFramesThatAFunctionMeasures(t *testing.T) {
	ctx := limited(t)
	framing := measuring(t, netstring, nil)
	if framing.String() != "custom" {
		t.Error(framing)
	}
	if size, head, tail, err := framing.Measure([]byte("12:hello")); size != 16 || head != 0 || tail != 0 || err != nil {
		t.Error(size, head, tail, err)
	}
	if _, _, _, err := framing.Measure([]byte("12")); err != zcnet.ErrWouldBlock {
		t.Error(err)
	}
	if _, _, _, err := framing.Measure([]byte("twelve:")); err != zcnet.ErrFrameMeasure {
		t.Error(err)
	}
	frame := func(i int) string {
		text := strings.Repeat("x", i%300) + fmt.Sprint(i)
		return fmt.Sprintf("%d:%s,", len(text), text)
	}
	const total = 5000
	for name, address := range addresses(t) {
		t.Run("background "+name, func(t *testing.T) {
			loop := background(t, nil)
			listener := must[*zcnet.Listener](t)(loop.Listen(address, framing, nil))
			near := must[*zcnet.Conn](t)(loop.Dial(ctx, listener.Addr().String(), framing, nil))
			go func() {
				conn, err := listener.Accept(ctx)
				if err != nil {
					t.Error(err)
					return
				}
				for m := range conn.Messages(ctx) {
					if err := conn.SendMessage(ctx, m); err != nil {
						t.Error(err)
					}
				}
			}()
			go func() {
				for i := range total {
					if err := near.SendCopy(ctx, []byte(frame(i))); err != nil {
						t.Error(err)
						return
					}
				}
			}()
			i := 0
			for m := range near.Messages(ctx) {
				if m.String() != frame(i) {
					t.Fatalf("message %d is %.40q", i, m.String())
				}
				if i++; i == total {
					break
				}
			}
			if i != total {
				t.Fatal(near.ReadErr())
			}
		})
	}
	t.Run("events", func(t *testing.T) {
		address := echoServer(t, "tcp://127.0.0.1:0", framing, nil)
		loop := must[*zcnet.Loop](t)(zcnet.NewLoop(nil))
		defer loop.Close()
		conn := must[*zcnet.Conn](t)(loop.Connect(address, lengths, nil))
		i := 0
		for event := range loop.Events(ctx) {
			if event.Type() == zcnet.EventConnected {
				check(t, conn.SetFraming(zcnet.Message{}, framing)) // of a loop that knew no such framing
				check(t, conn.SetSendFraming(framing))
				for i := range 100 {
					check(t, conn.TrySendCopy([]byte(frame(i))))
				}
			}
			if event.Type() != zcnet.EventMessage {
				continue
			}
			if string(event.Bytes()) != frame(i) {
				t.Fatalf("message %d is %.40q", i, event.Bytes())
			}
			if i++; i == 100 {
				break
			}
		}
	})
	for name, ends := range transports(t) {
		t.Run("stream "+name, func(t *testing.T) {
			near, far := streams(t, ends, framing)
			go func() {
				for i := range 500 {
					if err := near.SendCopy([]byte(frame(i))); err != nil {
						t.Error(err)
					}
				}
				if err := near.Flush(); err != nil {
					t.Error(err)
				}
			}()
			for i := range 500 {
				m := must[zcnet.Message](t)(far.Recv(ctx))
				if m.String() != frame(i) {
					t.Fatalf("message %d is %.40q", i, m.String())
				}
				check(t, m.Release())
			}
		})
	}
}

// What goes wrong in the function is an error of the connection, and nothing else.
func TestAFramingFuncThatFails(t *testing.T) {
	fail := map[string]error{"panics": nil, "panics with an error": io.ErrNoProgress, "says no": errTooLong,
		"breaks a rule of the runtime": nil, "says something negative": nil}
	framing := measuring(t, func(data []byte) (int, error) {
		switch end := bytes.IndexByte(data, '\n'); string(data[:max(end, 0)]) {
		case "panics":
			panic("on purpose")
		case "panics with an error":
			panic(fmt.Errorf("on purpose: %w", io.ErrNoProgress))
		case "says no":
			return 0, errTooLong
		case "breaks a rule of the runtime":
			_ = data[len(data)+1]
		case "says something negative":
			return -1, nil
		}
		return bytes.IndexByte(data, '\n') + 1, nil
	}, nil)
	ctx := limited(t)
	loop := background(t, nil)
	listener := must[*zcnet.Listener](t)(loop.Listen("tcp://127.0.0.1:0", framing, nil))
	for text, cause := range fail {
		t.Run(text, func(t *testing.T) {
			conn := must[net.Conn](t)(net.Dial("tcp", listener.Addr().String()[len("tcp://"):]))
			defer conn.Close()
			far := must[*zcnet.Conn](t)(listener.Accept(ctx))
			must[int](t)(fmt.Fprintf(conn, "fine\n%s\nnever seen\n", text))
			var seen []string
			for m := range far.Messages(ctx) {
				seen = append(seen, m.String())
			}
			err := far.ReadErr()
			if len(seen) != 1 || seen[0] != "fine\n" {
				t.Errorf("%q", seen)
			}
			if !errors.Is(err, zcnet.ErrFrameMeasure) || cause != nil && !errors.Is(err, cause) {
				t.Error(err)
			}
			if strings.HasPrefix(text, "panics") && !strings.Contains(err.Error(), "on purpose") ||
				strings.HasPrefix(text, "breaks") && !strings.Contains(err.Error(), "out of range") {
				t.Error(err)
			}
		})
	}
	s := must[*zcnet.Stream](t)(zcnet.NewStream(readOnly{strings.NewReader("fine\nsays no\n")}, framing, nil))
	m := must[zcnet.Message](t)(s.Recv(ctx))
	check(t, m.Release())
	for range 2 { // whoever asks again is told the same
		if _, err := s.Recv(ctx); !errors.Is(err, zcnet.ErrFrameMeasure) || !errors.Is(err, errTooLong) {
			t.Error(err)
		}
	}
	check(t, s.Close())
	if _, _, _, err := framing.Measure([]byte("panics\n")); err != zcnet.ErrFrameMeasure {
		t.Error(err)
	}
	// The loop goes on.
	near := must[*zcnet.Conn](t)(loop.Dial(ctx, listener.Addr().String(), framing, nil))
	check(t, near.SendCopy(ctx, []byte("works\n")))
	far := must[*zcnet.Conn](t)(listener.Accept(ctx))
	m = must[zcnet.Message](t)(far.Recv(ctx))
	if m.String() != "works\n" {
		t.Errorf("%q", m.String())
	}
	check(t, m.Release())
}

func TestFramingFuncsWithOptions(t *testing.T) {
	fixed := func(data []byte) (int, error) {
		if len(data) < 2 {
			return 0, nil
		}
		return 2 + int(binary.BigEndian.Uint16(data)), nil
	}
	framing := measuring(t, fixed, &zcnet.FramingOptions{Strip: 2, Max: 1000})
	if size, head, _, err := framing.Measure([]byte{0, 5}); size != 7 || head != 2 || err != nil {
		t.Error(size, head, err)
	}
	if _, _, _, err := framing.Measure([]byte{255, 5}); err != zcnet.ErrFrameTooLarge {
		t.Error(err)
	}
	for _, wrong := range []*zcnet.FramingOptions{{Max: -1}, {Strip: -1}} {
		if _, err := zcnet.NewFraming(fixed, wrong); err != zcnet.ErrInvalid {
			t.Error(err)
		}
	}
	if _, err := zcnet.NewFraming(nil, nil); err != zcnet.ErrInvalid {
		t.Error(err)
	}
	if _, err := zcnet.NewFraming(fixed, &zcnet.FramingOptions{Max: 10, Strip: 100}); !errors.Is(err, zcnet.ErrInvalid) {
		t.Error(err)
	}
}

// The function lives as long as somebody receives with it, also where the program has forgotten the framing; and no
// longer.
func TestTheLifeOfAFramingFunc(t *testing.T) {
	ctx := limited(t)
	gone := make(chan struct{})
	loop := background(t, nil)
	near, far := func() (*zcnet.Conn, *zcnet.Conn) {
		calls := new([1000]int) // so large that it is alone in its memory
		runtime.AddCleanup(calls, func(gone chan struct{}) { close(gone) }, gone)
		return pair(t, loop, measuring(t, func(data []byte) (int, error) {
			calls[0]++
			return len(data), nil
		}, nil), nil)
	}()
	for range 3 {
		runtime.GC()
		check(t, near.SendCopy(ctx, []byte("still measured")))
		m := must[zcnet.Message](t)(far.Recv(ctx))
		if m.Len() == 0 {
			t.Error("nothing")
		}
		check(t, m.Release())
	}
	other := background(t, nil)
	check(t, far.Move(other))
	check(t, near.SendCopy(ctx, []byte("there too")))
	m := must[zcnet.Message](t)(far.Recv(ctx))
	check(t, m.Release())
	check(t, near.Close())
	check(t, far.Close())
	<-near.Done()
	<-far.Done()
	near, far = nil, nil
	eventually(t, "the function is forgotten", func() bool {
		runtime.GC()
		select {
		case <-gone:
			return true
		default:
			return false
		}
	})
}

func BenchmarkFramingFunc(b *testing.B) {
	framing := measuring(b, func(data []byte) (int, error) {
		if len(data) < 4 {
			return 0, nil
		}
		return 4 + int(binary.BigEndian.Uint32(data)), nil
	}, nil)
	loop := must[*zcnet.Loop](b)(zcnet.NewLoop(nil))
	defer loop.Close()
	receive(b, loop, framing)
}
