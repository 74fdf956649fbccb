// SPDX-License-Identifier: MIT

package zcnet_test

import (
	"bytes"
	"testing"
	"time"

	zcnet "github.com/libzcnet/libzcnet/bindings/go"
)

// received is messages of one size that the program keeps, from a pool that lets them be settled.
func received(t *testing.T, options *zcnet.PoolOptions, count, size int) (*zcnet.Pool, []zcnet.Message) {
	t.Helper()
	ctx := limited(t)
	pool := must[*zcnet.Pool](t)(zcnet.NewPool(options))
	near, far := pair(t, background(t, &zcnet.LoopOptions{Pool: pool}), lengths, nil)
	messages := make([]zcnet.Message, count)
	for i := range messages {
		check(t, near.SendCopy(ctx, bytes.Repeat([]byte{byte(i)}, size)))
		messages[i] = must[zcnet.Message](t)(far.Recv(ctx))
	}
	return pool, messages
}

func TestMessagesThatAreKeptForLong(t *testing.T) {
	pool, messages := received(t, &zcnet.PoolOptions{DetachAfter: time.Millisecond, DetachRatio: 4}, 50, 100)
	before := append([]zcnet.Message(nil), messages...)
	var replaced int
	eventually(t, "they are old enough", func() bool {
		n, err := zcnet.SettleAll(messages)
		check(t, err)
		replaced += n
		return replaced == len(messages)
	})
	for i, m := range messages {
		if !bytes.Equal(m.Bytes(), bytes.Repeat([]byte{byte(i)}, 100)) {
			t.Errorf("message %d is %q", i, m.Bytes())
		}
	}
	if stats := must[zcnet.PoolStats](t)(pool.Stats()); stats.CopiedBytes < 50*100 || stats.Views != 50 {
		t.Errorf("%+v", stats)
	}
	misusedMessage(t, before[0]) // what was replaced has ended
	misuse(t, "SettleAll", func() error { _, err := zcnet.SettleAll(before[:1]); return err })
	check(t, zcnet.ReleaseAll(messages))
	check(t, pool.Close())
}

func TestMessagesThatStayWhereTheyAre(t *testing.T) {
	pool, messages := received(t, nil, 3, 100) // its options say nothing of copies
	near, far := pair(t, background(t, nil), lengths, nil)
	check(t, near.SendCopy(limited(t), []byte("shown")))
	for shown := range far.Messages(limited(t)) {
		mixed := append(append([]zcnet.Message{{}}, messages...), shown)
		if n, err := zcnet.SettleAll(mixed); n != 0 || err != zcnet.ErrInvalid {
			t.Error(n, err)
		}
		break
	}
	for i, m := range messages {
		if !bytes.Equal(m.Bytes(), bytes.Repeat([]byte{byte(i)}, 100)) {
			t.Errorf("message %d is %q", i, m.Bytes())
		}
	}
	if n, err := zcnet.SettleAll(nil); n != 0 || err != nil {
		t.Error(n, err)
	}
	check(t, zcnet.ReleaseAll(messages))
	check(t, pool.Close())
	if _, err := zcnet.NewPool(&zcnet.PoolOptions{DetachRatio: -1}); err != zcnet.ErrInvalid {
		t.Error(err)
	}
}
