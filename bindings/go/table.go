// SPDX-License-Identifier: MIT

package zcnet

import "sync/atomic"

// table gives small numbers to objects, for the user values in C. Numbers are handed out under the loop's lock; who
// drives the loop looks them up without it.
type table[T any] struct {
	places atomic.Pointer[[]*T]
	free   []uintptr
}

func (t *table[T]) add(object *T) uintptr {
	if n := len(t.free); n > 0 {
		number := t.free[n-1]
		t.free = t.free[:n-1]
		(*t.places.Load())[number] = object
		return number
	}
	var places []*T
	if p := t.places.Load(); p != nil {
		places = *p
	}
	number := uintptr(len(places))
	if number == 0 {
		places, number = append(places, nil), 1 // 0 is nobody's number
	}
	places = append(places, object)
	t.places.Store(&places)
	return number
}

func (t *table[T]) remove(number uintptr) {
	(*t.places.Load())[number] = nil
	t.free = append(t.free, number)
}

// at is nil for a number that nobody has.
func (t *table[T]) at(number uintptr) *T {
	if p := t.places.Load(); p != nil && number < uintptr(len(*p)) {
		return (*p)[number]
	}
	return nil
}

func (t *table[T]) takeAll() []*T {
	p := t.places.Swap(&[]*T{})
	if p == nil {
		return nil
	}
	var all []*T
	for _, object := range *p {
		if object != nil {
			all = append(all, object)
		}
	}
	return all
}
