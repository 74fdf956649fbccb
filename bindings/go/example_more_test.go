// SPDX-License-Identifier: MIT

package zcnet_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log"
	"os"

	zcnet "github.com/libzcnet/libzcnet/bindings/go"
)

// Uploads of any size: small messages come as they are, the bodies of large ones go into a file.
func ExampleConn_ReceiveFile() {
	ctx := context.Background()
	framing := zcnet.MustParseFraming("length,width=8,strip=8,max=1024G")
	listener, err := zcnet.Listen("tcp://127.0.0.1:0", framing, &zcnet.ListenOptions{
		Conn: &zcnet.ConnOptions{HeaderFrom: 64 << 10},
	})
	if err != nil {
		log.Fatal(err)
	}
	defer listener.Close()
	go func() {
		client, err := zcnet.Dial(ctx, listener.Addr().String(), framing, nil)
		if err != nil {
			log.Fatal(err)
		}
		defer client.Close()
		for _, body := range [][]byte{[]byte("report.pdf"), make([]byte, 1<<20)} {
			if _, err := client.Write(body); err != nil {
				log.Fatal(err)
			}
		}
	}()

	conn, err := listener.Accept(ctx)
	if err != nil {
		log.Fatal(err)
	}
	file, err := os.CreateTemp("", "upload")
	if err != nil {
		log.Fatal(err)
	}
	defer os.Remove(file.Name())
	defer file.Close()
	for m := range conn.Messages(ctx) {
		if m.BodySize() == 0 {
			fmt.Printf("its name is %s\n", m.Bytes())
			continue
		}
		size, err := conn.ReceiveFile(ctx, m, file, nil)
		if err != nil {
			log.Fatal(err)
		}
		fmt.Printf("%d bytes are in the file\n", size)
	}
	// Output:
	// its name is report.pdf
	// 1048576 bytes are in the file
}

// One loop accepts, another one serves.
func ExampleConn_Move() {
	ctx := context.Background()
	framing := zcnet.MustParseFraming("length,width=4,strip=4,max=1M")
	near, far := connected(framing)
	worker, err := zcnet.StartLoop(nil)
	if err != nil {
		log.Fatal(err)
	}
	defer worker.Close()
	if err := far.Move(worker); err != nil {
		log.Fatal(err)
	}
	if _, err := near.Write([]byte("hello")); err != nil {
		log.Fatal(err)
	}
	m, err := far.Recv(ctx)
	if err != nil {
		log.Fatal(err)
	}
	defer m.Release()
	fmt.Printf("%s, from the other loop: %t\n", m.Bytes(), far.Loop() == worker)
	// Output: hello, from the other loop: true
}

// Frames of a protocol that no text describes: a line, or, after a "$", as many bytes as it says.
func ExampleNewFraming() {
	errSize := errors.New("that is no size")
	framing, err := zcnet.NewFraming(func(data []byte) (int, error) {
		end := bytes.IndexByte(data, '\n') + 1
		if end == 0 || data[0] != '$' {
			return end, nil // 0: the end of the line is still to come
		}
		var size int
		if _, err := fmt.Sscan(string(data[1:end-1]), &size); err != nil || size < 0 {
			return 0, errSize
		}
		return end + size, nil
	}, nil)
	if err != nil {
		log.Fatal(err)
	}
	near, far := connected(framing)
	if _, err := near.Write([]byte("PING\n$3\nabc$many\n")); err != nil {
		log.Fatal(err)
	}
	for m := range far.Messages(context.Background()) {
		fmt.Printf("%q\n", m.Bytes())
	}
	fmt.Println(far.ReadErr(), errors.Is(far.ReadErr(), errSize))
	// Output:
	// "PING\n"
	// "$3\nabc"
	// zcnet: connection: that is no size true
}
