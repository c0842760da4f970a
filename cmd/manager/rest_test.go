package main

import (
	"testing"
	"time"
)

// What an import leaves behind is given back once nothing happens.
func TestMemoryIsGivenBackAtRest(t *testing.T) {
	const interval = 100 * time.Millisecond
	go func() { _ = rester{interval, 3 * interval}.Start(t.Context()) }()
	const imported = 256 << 20
	left := make([][]byte, imported>>20)
	for i := range left {
		left[i] = make([]byte, 1<<20)
	}
	if _, held := readHeap(); held < imported {
		t.Fatalf("the heap holds %d bytes of an import of %d", held, imported)
	}
	clear(left)
	deadline := time.After(time.Minute)
	for tick := time.Tick(interval / 4); ; {
		_, held := readHeap()
		if held < imported/4 {
			return
		}
		select {
		case <-tick:
		case <-deadline:
			t.Fatalf("the heap still holds %d bytes", held)
		}
	}
}
