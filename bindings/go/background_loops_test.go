// SPDX-License-Identifier: MIT

package zcnet_test

import (
	"context"
	"errors"
	"io"
	"net"
	"os"
	"runtime"
	"sync"
	"syscall"
	"testing"
	"time"

	zcnet "github.com/libzcnet/libzcnet/bindings/go"
)

func TestShutdown(t *testing.T) {
	ctx := limited(t)
	loop := must[*zcnet.Loop](t)(zcnet.StartLoop(nil))
	near, far := pair(t, loop, lengths, nil)
	for range 1000 {
		check(t, near.SendCopy(ctx, make([]byte, 1000)))
	}
	got := make(chan int, 1)
	go func() {
		n := 0
		for range far.Messages(ctx) {
			n++
		}
		got <- n
	}()
	eventually(t, "all of it is out", func() bool { return far.Stats().MessagesIn == 1000 })
	check(t, loop.Shutdown(ctx))
	if err := loop.Shutdown(ctx); !errors.Is(err, net.ErrClosed) {
		t.Error(err)
	}
	<-got
	<-near.Done()
	<-far.Done()
	check(t, near.Err())
}

func TestRunEndsWithTheContext(t *testing.T) {
	loop := must[*zcnet.Loop](t)(zcnet.NewLoop(nil))
	defer loop.Close()
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- loop.Run(ctx) }()
	eventually(t, "it runs", func() bool {
		conn, err := loop.Dial(ctx, "tcp://127.0.0.1:1", lengths, nil)
		if conn != nil {
			conn.Close()
		}
		return errors.Is(err, syscall.ECONNREFUSED)
	})
	cancel()
	if err := <-ended; err != context.Canceled {
		t.Error(err)
	}
}

// A loop whose events were taken goes to the background, with the connections that it has, and back.
func TestFromEventsToTheBackgroundAndBack(t *testing.T) {
	all := limited(t)
	loop := must[*zcnet.Loop](t)(zcnet.NewLoop(nil))
	defer loop.Close()
	conn := must[*zcnet.Conn](t)(loop.Connect(echoServer(t, "tcp://127.0.0.1:0", lengths, nil), lengths, nil))
	for range 3 {
		check(t, conn.TrySendCopy([]byte("by events")))
		check(t, conn.TrySendCopy([]byte("not looked at")))
		for event := range loop.Events(all) {
			if event.Type() == zcnet.EventMessage {
				break
			}
		}
		check(t, loop.Err())
		ctx, cancel := context.WithCancel(all)
		ended := make(chan error, 1)
		go func() { ended <- loop.Run(ctx) }()
		check(t, conn.SendCopy(ctx, []byte("in the background")))
		for _, want := range []string{"not looked at", "in the background"} {
			var m zcnet.Message
			eventually(t, "an answer comes", func() bool {
				var err error
				m, err = conn.Recv(ctx)
				if err != nil && !errors.Is(err, errors.ErrUnsupported) { // it does not run yet
					t.Fatal(err)
				}
				return err == nil
			})
			if m.String() != want {
				t.Errorf("%q, not %q", m.String(), want)
			}
			check(t, m.Release())
		}
		cancel()
		if err := <-ended; err != context.Canceled {
			t.Error(err)
		}
	}
}

func TestListenerClosesWhatNobodyTook(t *testing.T) {
	ctx := limited(t)
	loop := background(t, nil)
	listener := must[*zcnet.Listener](t)(loop.Listen("tcp://127.0.0.1:0", lengths, nil))
	conn := must[*zcnet.Conn](t)(loop.Dial(ctx, listener.Addr().String(), lengths, nil))
	eventually(t, "it is accepted", func() bool { return listener.Stats().Accepted == 1 })
	check(t, listener.Close())
	if err := listener.Close(); !errors.Is(err, net.ErrClosed) {
		t.Error(err)
	}
	if _, err := conn.Recv(ctx); !errors.Is(err, syscall.ECONNRESET) {
		t.Error(err)
	}
	<-listener.Done()
	short, cancel := context.WithTimeout(ctx, time.Millisecond)
	defer cancel()
	if _, err := must[*zcnet.Listener](t)(loop.Listen("tcp://127.0.0.1:0", lengths, nil)).Accept(short); err != context.DeadlineExceeded {
		t.Error(err)
	}
}

func TestAdoptAndGiveBack(t *testing.T) {
	ctx := limited(t)
	plain := must[net.Listener](t)(net.Listen("tcp", "127.0.0.1:0"))
	defer plain.Close()
	client := must[net.Conn](t)(net.Dial("tcp", plain.Addr().String()))
	server := must[net.Conn](t)(plain.Accept())
	defer server.Close()
	conn := must[*zcnet.Conn](t)(background(t, nil).Adopt(client, lengths, nil))
	if _, err := client.Write([]byte("x")); !errors.Is(err, net.ErrClosed) {
		t.Errorf("the old connection still works: %v", err)
	}
	must[int](t)(server.Write([]byte("\x00\x00\x00\x02hi")))
	m := must[zcnet.Message](t)(conn.Recv(ctx))
	check(t, conn.SendMessage(ctx, m))
	check(t, m.Release())
	echoed := make([]byte, 6)
	must[int](t)(io.ReadFull(server, echoed))
	if string(echoed) != "\x00\x00\x00\x02hi" {
		t.Errorf("%q", echoed)
	}
	check(t, conn.Close())
	<-conn.Done()

	pipe, _ := net.Pipe()
	if _, err := zcnet.Adopt(pipe, lengths, nil); !errors.Is(err, errors.ErrUnsupported) {
		t.Error(err)
	}
	var file *os.SyscallError
	client = must[net.Conn](t)(net.Dial("tcp", plain.Addr().String()))
	check(t, must[net.Conn](t)(plain.Accept()).Close())
	check(t, client.Close())
	if _, err := zcnet.Adopt(client, lengths, nil); err == nil || errors.As(err, &file) {
		t.Error(err)
	}

	// And back: what was received and not given out comes along.
	loop := must[*zcnet.Loop](t)(zcnet.NewLoop(nil))
	defer loop.Close()
	client = must[net.Conn](t)(net.Dial("tcp", plain.Addr().String()))
	server = must[net.Conn](t)(plain.Accept())
	defer server.Close()
	must[int](t)(server.Write([]byte("upgrade\nthe rest")))
	lines := zcnet.MustParseFraming(`delimiter=\n,strip=1`)
	conn = must[*zcnet.Conn](t)(loop.Adopt(client, lines, &zcnet.ConnOptions{MessagesPerPoll: 1}))
	for event := range loop.Events(ctx) {
		if event.Type() != zcnet.EventMessage {
			continue
		}
		back, rest, err := conn.NetConn()
		check(t, err)
		if string(event.Bytes()) != "upgrade" || rest.String() != "the rest" {
			t.Errorf("%q, then %q", event.Bytes(), rest.String())
		}
		check(t, rest.Release())
		must[int](t)(back.Write([]byte("plain again")))
		check(t, back.Close())
		break
	}
	all := must[[]byte](t)(io.ReadAll(server))
	if string(all) != "plain again" {
		t.Errorf("%q", all)
	}
}

func TestOptionsOfAConnection(t *testing.T) {
	near, _ := pair(t, background(t, nil), lengths, &zcnet.ConnOptions{HighWater: 12345, Delay: true,
		IdleTimeout: 1500 * time.Millisecond, MessageTimeout: time.Microsecond})
	for option, want := range map[zcnet.Option]uint64{zcnet.OptionHighWater: 12345, zcnet.OptionDelay: 1,
		zcnet.OptionIdleTimeoutMS: 1500, zcnet.OptionMessageTimeoutMS: 1} {
		if value := must[uint64](t)(near.Option(option)); value != want {
			t.Errorf("option %d is %d", option, value)
		}
	}
	check(t, near.SetOption(zcnet.OptionDelay, 0))
	if value := must[uint64](t)(near.Option(zcnet.OptionDelay)); value != 0 {
		t.Error("not set")
	}
	if err := near.SetOption(zcnet.Option(999), 0); err != zcnet.ErrOption {
		t.Error(err)
	}
}

func TestIdleTimeout(t *testing.T) {
	near, _ := pair(t, background(t, nil), lengths, &zcnet.ConnOptions{IdleTimeout: 20 * time.Millisecond})
	if _, err := near.Recv(limited(t)); err != io.EOF && !errors.Is(err, os.ErrDeadlineExceeded) {
		t.Error(err) // whichever end is first
	}
}

// What a poll finds while the loop is being closed goes to nobody, and back to the pool.
func TestCloseUnderAPollWithMessages(t *testing.T) {
	pool := must[*zcnet.Pool](t)(zcnet.NewPool(nil))
	loop := background(t, &zcnet.LoopOptions{Pool: pool})
	listener := must[net.Listener](t)(net.Listen("tcp", "127.0.0.1:0"))
	defer listener.Close()
	closing := sync.OnceFunc(func() {
		go loop.Close() // it waits for the poll that calls this
		for !loop.Ending() {
			runtime.Gosched()
		}
	})
	framing := measuring(t, func(data []byte) (int, error) {
		closing()
		return netstring(data)
	}, nil)
	must[*zcnet.Conn](t)(loop.Dial(limited(t), "tcp://"+listener.Addr().String(), framing, nil))
	peer := must[net.Conn](t)(listener.Accept())
	defer peer.Close()
	must[int](t)(peer.Write([]byte("5:hello,5:hello,")))
	<-loop.Done()
	drained(t, pool)
	check(t, pool.Close())
}
