// SPDX-License-Identifier: MIT

// An echo server: every message goes back as it came. A peer that does not read is not read from either.
//
// Usage: echo_server [ADDRESS]
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
	address := "tcp://127.0.0.1:7000"
	if len(os.Args) > 1 {
		address = os.Args[1]
	}
	framing := zcnet.MustParseFraming("length,width=4,strip=4,max=1M")
	loop, err := zcnet.NewLoop(nil)
	if err != nil {
		log.Fatal(err)
	}
	listener, err := loop.Listen(address, framing, nil)
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(listener.Addr())

	// The events of all connections, on this one goroutine; many of them come with one call of the library.
	for event := range loop.Events(context.Background()) {
		switch event.Type() {
		case zcnet.EventMessage:
			// The frame as it stands: no copy. A peer that is slow to read is read from less.
			_ = event.Conn().Forward(event.Message())
		case zcnet.EventClosed:
			if err := event.Err(); err != nil && !errors.Is(err, zcnet.ErrEOF) {
				fmt.Fprintln(os.Stderr, "a connection ended:", err)
			}
		}
	}
	log.Fatal(loop.Err())
}
