// SPDX-License-Identifier: MIT

// Messages over TLS: a stream over crypto/tls. What is decrypted goes straight into the memory that the messages are
// shown in, and what is encrypted comes straight from the memory that they were written in.
//
// Usage: tls_echo certificate CERT KEY              makes a certificate for "localhost" and its key, as PEM files
//
//	tls_echo serve HOST:PORT CERT KEY          echoes; prints its address
//	tls_echo ask HOST:PORT CERT WORD…          trusts CERT alone, and prints the answers with their sizes
package main

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"log"
	"math/big"
	"net"
	"os"
	"time"

	zcnet "github.com/libzcnet/libzcnet/bindings/go"
)

var framing = zcnet.MustParseFraming("length,width=4,strip=4,max=1M")

func main() {
	log.SetFlags(0)
	args := os.Args[1:]
	switch {
	case len(args) == 3 && args[0] == "certificate":
		certificate(args[1], args[2])
	case len(args) == 4 && args[0] == "serve":
		serve(args[1], args[2], args[3])
	case len(args) > 3 && args[0] == "ask":
		ask(args[1], args[2], args[3:])
	default:
		fmt.Fprintln(os.Stderr, "usage: tls_echo certificate CERT KEY | serve HOST:PORT CERT KEY | ask HOST:PORT CERT WORD...")
		os.Exit(2)
	}
}

func serve(address, cert, key string) {
	pair, err := tls.LoadX509KeyPair(cert, key)
	check(err)
	listener, err := tls.Listen("tcp", address, &tls.Config{Certificates: []tls.Certificate{pair}})
	check(err)
	fmt.Println(listener.Addr())
	for {
		conn, err := listener.Accept()
		check(err)
		go func() {
			if err := echo(conn); err != nil {
				log.Print("a connection ended: ", err)
			}
		}()
	}
}

func echo(conn net.Conn) error {
	stream, err := zcnet.NewStream(conn, framing, nil)
	if err != nil {
		_ = conn.Close()
		return err
	}
	defer stream.Close()
	for m := range stream.Messages(context.Background()) {
		if err := stream.SendMessage(m); err != nil { // the frame as it stands
			return err
		}
		if err := stream.Flush(); err != nil {
			return err
		}
	}
	return stream.ReadErr()
}

func ask(address, cert string, words []string) {
	text, err := os.ReadFile(cert)
	check(err)
	roots := x509.NewCertPool()
	if !roots.AppendCertsFromPEM(text) {
		log.Fatalf("%s holds no certificate", cert)
	}
	conn, err := tls.Dial("tcp", address, &tls.Config{RootCAs: roots, ServerName: "localhost"})
	check(err)
	stream, err := zcnet.NewStream(conn, framing, nil)
	check(err)
	for _, word := range words {
		check(stream.SendCopy([]byte(word)))
	}
	check(stream.Flush())
	for range words {
		m, err := stream.Recv(context.Background())
		check(err)
		fmt.Printf("%d %s\n", m.Len(), m.Bytes())
		check(m.Release())
	}
	check(stream.Close())
}

func certificate(cert, key string) {
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	check(err)
	template := &x509.Certificate{SerialNumber: big.NewInt(time.Now().UnixNano()), DNSNames: []string{"localhost"},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(24 * time.Hour), IsCA: true, BasicConstraintsValid: true}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &private.PublicKey, private)
	check(err)
	secret, err := x509.MarshalPKCS8PrivateKey(private)
	check(err)
	check(os.WriteFile(cert, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}), 0o644))
	check(os.WriteFile(key, pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: secret}), 0o600))
}

func check(err error) {
	if err != nil {
		log.Fatal(err)
	}
}
