// SPDX-License-Identifier: MIT

package zcnet_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log"
	"net"
	"os"

	zcnet "github.com/libzcnet/libzcnet/bindings/go"
)

// A server and a client with a goroutine each.
func Example() {
	ctx := context.Background()
	framing := zcnet.MustParseFraming("length,width=4,strip=4,max=1M")
	listener, err := zcnet.Listen("tcp://127.0.0.1:0", framing, nil)
	if err != nil {
		log.Fatal(err)
	}
	defer listener.Close()
	go func() {
		conn, err := listener.Accept(ctx)
		if err != nil {
			return
		}
		for m := range conn.Messages(ctx) {
			if conn.SendMessage(ctx, m) != nil { // the frame as it stands: no copy
				return
			}
		}
	}()

	conn, err := zcnet.Dial(ctx, listener.Addr().String(), framing, nil)
	if err != nil {
		log.Fatal(err)
	}
	defer conn.Close()
	unit, err := zcnet.NewUnit(nil, framing, len("hello"))
	if err != nil {
		log.Fatal(err)
	}
	copy(unit.Bytes(), "hello") // written where it is sent from
	if err := conn.Send(ctx, unit); err != nil {
		log.Fatal(err)
	}
	answer, err := conn.Recv(ctx)
	if err != nil {
		log.Fatal(err)
	}
	defer answer.Release()
	fmt.Printf("%s\n", answer.Bytes())
	// Output: hello
}

// A whole echo server and its client on one goroutine.
func ExampleLoop_Events() {
	framing := zcnet.MustParseFraming(`delimiter=\n,strip=1`)
	loop, err := zcnet.NewLoop(nil)
	if err != nil {
		log.Fatal(err)
	}
	defer loop.Close()
	listener, err := loop.Listen("tcp://127.0.0.1:0", framing, nil)
	if err != nil {
		log.Fatal(err)
	}
	client, err := loop.Connect(listener.Addr().String(), framing, nil)
	if err != nil {
		log.Fatal(err)
	}
	for event := range loop.Events(context.Background()) {
		switch conn := event.Conn(); event.Type() {
		case zcnet.EventConnected:
			_ = client.TrySendCopy([]byte("round trip"))
		case zcnet.EventMessage:
			if conn != client {
				_ = conn.Forward(event.Message()) // with back-pressure, and no copy
				continue
			}
			fmt.Printf("%s\n", event.Bytes())
			_ = client.Close()
			_ = listener.Close()
			_ = loop.Shutdown(context.Background())
		}
	}
	fmt.Println(errors.Is(loop.Err(), net.ErrClosed))
	// Output:
	// round trip
	// true
}

// connected is two ends of a connection, for the examples.
func connected(framing *zcnet.Framing) (near, far *zcnet.Conn) {
	ctx := context.Background()
	listener, err := zcnet.Listen("tcp://127.0.0.1:0", framing, nil)
	if err != nil {
		log.Fatal(err)
	}
	if near, err = zcnet.Dial(ctx, listener.Addr().String(), framing, nil); err != nil {
		log.Fatal(err)
	}
	if far, err = listener.Accept(ctx); err != nil {
		log.Fatal(err)
	}
	listener.Close()
	return near, far
}

// Messages are valid for their turn; a clone is valid until its release.
func ExampleConn_Messages() {
	ctx := context.Background()
	near, far := connected(zcnet.MustParseFraming("length,strip=4"))
	for _, word := range []string{"one", "two", "three"} {
		if err := near.SendCopy(ctx, []byte(word)); err != nil {
			log.Fatal(err)
		}
	}
	near.Close()
	var longest zcnet.Message
	for m := range far.Messages(ctx) {
		if m.Len() > longest.Len() {
			if !longest.IsZero() {
				longest.Release()
			}
			longest, _ = m.Clone()
		}
	}
	if err := far.ReadErr(); err != nil {
		log.Fatal(err)
	}
	fmt.Printf("%q\n", longest.Bytes()) // the connection is gone, the bytes are where they were
	longest.Release()
	// Output: "three"
}

// Go memory is sent from where it is: it is pinned until the library is done with it.
func ExampleUnit_AppendPinned() {
	ctx := context.Background()
	framing := zcnet.MustParseFraming("length,strip=4")
	near, far := connected(framing)
	defer near.Close()
	defer far.Close()
	picture := make([]byte, 1<<20)
	unit, err := zcnet.NewEmptyUnit(nil)
	if err != nil {
		log.Fatal(err)
	}
	done := make(chan struct{})
	if err := unit.AppendCopy([]byte("PIC ")); err != nil {
		log.Fatal(err)
	}
	if err := unit.AppendPinned(picture, func() { close(done) }); err != nil {
		log.Fatal(err)
	}
	if err := near.Send(ctx, unit); err != nil {
		log.Fatal(err)
	}
	m, err := far.Recv(ctx)
	if err != nil {
		log.Fatal(err)
	}
	defer m.Release()
	<-done // picture may be changed again
	fmt.Println(m.Len(), string(m.Bytes()[:3]))
	// Output: 1048580 PIC
}

// Any io.ReadWriter carries messages: here a pipe, elsewhere a tls.Conn.
func ExampleNewStream() {
	ctx := context.Background()
	framing := zcnet.MustParseFraming("length,width=2,strip=2,max=1K")
	a, b := net.Pipe()
	near, err := zcnet.NewStream(a, framing, nil)
	if err != nil {
		log.Fatal(err)
	}
	far, err := zcnet.NewStream(b, framing, nil)
	if err != nil {
		log.Fatal(err)
	}
	go func() {
		fmt.Fprint(near, "each write is a message")
		near.Close()
	}()
	for m := range far.Messages(ctx) {
		m.WriteTo(os.Stdout)
		fmt.Println()
	}
	_, err = far.Recv(ctx)
	fmt.Println(err == io.EOF)
	far.Close()
	// Output:
	// each write is a message
	// true
}

// The text of a framing says where messages end, and its error which part of it is wrong.
func ExampleParseFraming() {
	framing, err := zcnet.ParseFraming("length,width=2,order=little,adjust=-2")
	fmt.Println(framing, err)
	_, err = zcnet.ParseFraming("length,width=7")
	fmt.Println(err)
	// Output:
	// length,offset=0,width=2,order=little,adjust=-2,strip=0,max=16M <nil>
	// zcnet: framing: width is 7; a length field has 1, 2, 3, 4 or 8 bytes
}
