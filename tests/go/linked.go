// SPDX-License-Identifier: MIT

// A program that somebody has: a message goes round, and the package says how it was linked.
package main

import (
	"context"
	"log"
	"os"

	zcnet "github.com/libzcnet/libzcnet/bindings/go"
)

func main() {
	if zcnet.LinkMode() != os.Args[1] {
		log.Fatalf("%s, not %s", zcnet.LinkMode(), os.Args[1])
	}
	ctx := context.Background()
	framing := zcnet.MustParseFraming("length,strip=4")
	listener, err := zcnet.Listen("tcp://127.0.0.1:0", framing, nil)
	if err != nil {
		log.Fatal(err)
	}
	conn, err := zcnet.Dial(ctx, listener.Addr().String(), framing, nil)
	if err != nil {
		log.Fatal(err)
	}
	if _, err := conn.Write([]byte("round")); err != nil {
		log.Fatal(err)
	}
	other, err := listener.Accept(ctx)
	if err != nil {
		log.Fatal(err)
	}
	m, err := other.Recv(ctx)
	if err != nil || m.String() != "round" {
		log.Fatal(m, err)
	}
	if err := m.Release(); err != nil {
		log.Fatal(err)
	}
}
