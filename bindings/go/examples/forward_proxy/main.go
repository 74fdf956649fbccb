// SPDX-License-Identifier: MIT

// A proxy: each connection gets one of its own to the target, and what arrives at either leaves at the other, without a
// copy. Forward stops reading one end while the other is slow, so nothing piles up here.
//
// Usage: forward_proxy ADDRESS TARGET
package main

import (
	"context"
	"errors"
	"fmt"
	"log"
	"os"

	zcnet "github.com/libzcnet/libzcnet/bindings/go"
)

func main() {
	log.SetFlags(0)
	if len(os.Args) != 3 {
		fmt.Fprintln(os.Stderr, "usage: forward_proxy ADDRESS TARGET")
		os.Exit(2)
	}
	framing := zcnet.MustParseFraming("raw")
	options := &zcnet.ConnOptions{HalfOpen: true}
	loop, err := zcnet.NewLoop(nil)
	if err != nil {
		log.Fatal(err)
	}
	listener, err := loop.Listen(os.Args[1], framing, &zcnet.ListenOptions{Conn: options})
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(listener.Addr())

	for event := range loop.Events(context.Background()) {
		conn := event.Conn()
		if conn == nil {
			continue
		}
		other, _ := conn.User.(*zcnet.Conn) // the two ends know each other
		switch event.Type() {
		case zcnet.EventAccepted:
			far, err := loop.Connect(os.Args[2], framing, options)
			if err != nil {
				log.Print(err)
				_ = conn.Abort()
				continue
			}
			conn.User, far.User = far, conn
		case zcnet.EventMessage:
			if other != nil {
				_ = other.Forward(event.Message())
			}
		case zcnet.EventPeerClosed: // one direction has ended, the other may go on
			if other != nil {
				_ = other.CloseWrite()
			}
		case zcnet.EventClosed:
			if other == nil {
				continue
			}
			other.User = nil // it must not use this end any more
			if err := event.Err(); err == nil || errors.Is(err, zcnet.ErrEOF) {
				_ = other.Close()
			} else {
				log.Print("an end was lost: ", err)
				_ = other.Abort()
			}
		}
	}
	log.Fatal(loop.Err())
}
