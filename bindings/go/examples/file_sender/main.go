// SPDX-License-Identifier: MIT

// Sends files, each as one message, and the answer to each is its number of bytes. The bytes are read straight into
// the memory that they are sent from.
//
// Usage: file_sender serve ADDRESS          receives
//
//	file_sender send ADDRESS FILE…     sends
package main

import (
	"context"
	"encoding/binary"
	"fmt"
	"hash/crc32"
	"log"
	"os"
	"path/filepath"

	zcnet "github.com/libzcnet/libzcnet/bindings/go"
)

func main() {
	log.SetFlags(0)
	framing := zcnet.MustParseFraming("length,width=8,strip=8,max=4G")
	switch {
	case len(os.Args) == 3 && os.Args[1] == "serve":
		serve(os.Args[2], framing)
	case len(os.Args) > 3 && os.Args[1] == "send":
		send(os.Args[2], framing, os.Args[3:])
	default:
		fmt.Fprintln(os.Stderr, "usage: file_sender serve ADDRESS | send ADDRESS FILE...")
		os.Exit(2)
	}
}

func serve(address string, framing *zcnet.Framing) {
	listener, err := zcnet.Listen(address, framing, nil)
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(listener.Addr())
	ctx := context.Background()
	for {
		conn, err := listener.Accept(ctx)
		if err != nil {
			log.Fatal(err)
		}
		go func() {
			for m := range conn.Messages(ctx) {
				answer := binary.BigEndian.AppendUint64(nil, uint64(m.Len()))
				answer = binary.BigEndian.AppendUint32(answer, crc32.ChecksumIEEE(m.Bytes()))
				if conn.SendCopy(ctx, answer) != nil {
					return
				}
			}
		}()
	}
}

func send(address string, framing *zcnet.Framing, names []string) {
	ctx := context.Background()
	conn, err := zcnet.Dial(ctx, address, framing, nil)
	if err != nil {
		log.Fatal(err)
	}
	for _, name := range names {
		sum, err := sendFile(ctx, conn, framing, name)
		if err != nil {
			log.Fatal(err)
		}
		answer, err := conn.Recv(ctx)
		if err != nil {
			log.Fatal(err)
		}
		size, came := binary.BigEndian.Uint64(answer.Bytes()), binary.BigEndian.Uint32(answer.Bytes()[8:])
		if came != sum {
			log.Fatalf("%s was damaged on its way", name)
		}
		fmt.Printf("%s: %d bytes\n", filepath.Base(name), size)
		_ = answer.Release()
	}
	_ = conn.Close()
	<-conn.Done()
}

func sendFile(ctx context.Context, conn *zcnet.Conn, framing *zcnet.Framing, name string) (sum uint32, err error) {
	file, err := os.Open(name)
	if err != nil {
		return 0, err
	}
	defer file.Close()
	info, err := file.Stat()
	if err != nil {
		return 0, err
	}
	unit, err := zcnet.NewUnit(nil, framing, int(info.Size()))
	if err != nil {
		return 0, err
	}
	for body := unit.Bytes(); len(body) > 0; {
		n, err := file.Read(body)
		if err != nil { // io.EOF too: the file has shrunk
			_ = unit.Release()
			return 0, fmt.Errorf("%s: %w", name, err)
		}
		sum = crc32.Update(sum, crc32.IEEETable, body[:n])
		body = body[n:]
	}
	if err := conn.Send(ctx, unit); err != nil {
		_ = unit.Release()
		return 0, err
	}
	return sum, nil
}
