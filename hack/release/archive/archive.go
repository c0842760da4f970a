// Package archive writes archives whose bytes depend on names, modes and contents alone: sorted by name, with one time and
// without an owner.
package archive

import (
	"archive/tar"
	"archive/zip"
	"bytes"
	"compress/gzip"
	"errors"
	"io/fs"
	"slices"
	"strings"
	"time"
)

// Time is the time of each file. A zip archive cannot name an earlier one.
var Time = time.Date(1980, 1, 1, 0, 0, 0, 0, time.UTC)

// Modes of files.
const (
	Plain      fs.FileMode = 0o644
	Executable fs.FileMode = 0o755
)

// sticky is the bit in the mode of a tar archive that fs.ModeSticky is.
const sticky = 0o1000

// File is a file or, if Mode says so, a folder.
type File struct {
	Name    string // with slashes, relative
	Mode    fs.FileMode
	Content []byte
}

// Tar returns a tar archive.
func Tar(files []File) ([]byte, error) {
	var all bytes.Buffer
	w := tar.NewWriter(&all)
	for _, f := range sorted(files) {
		if err := w.WriteHeader(tarHeader(f)); err != nil {
			return nil, err
		}
		if _, err := w.Write(f.Content); err != nil {
			return nil, err
		}
	}
	if err := w.Close(); err != nil {
		return nil, err
	}
	return all.Bytes(), nil
}

// TarGz returns a compressed tar archive.
func TarGz(files []File) ([]byte, error) {
	plain, err := Tar(files)
	if err != nil {
		return nil, err
	}
	var all bytes.Buffer
	w, err := gzip.NewWriterLevel(&all, gzip.BestCompression)
	if err != nil {
		return nil, err
	}
	_, err = w.Write(plain)
	if err := errors.Join(err, w.Close()); err != nil {
		return nil, err
	}
	return all.Bytes(), nil
}

// Zip returns a zip archive of files.
func Zip(files []File) ([]byte, error) {
	var all bytes.Buffer
	w := zip.NewWriter(&all)
	for _, f := range sorted(files) {
		header := &zip.FileHeader{Name: f.Name, Method: zip.Deflate, Modified: Time}
		header.SetMode(f.Mode)
		file, err := w.CreateHeader(header)
		if err != nil {
			return nil, err
		}
		if _, err := file.Write(f.Content); err != nil {
			return nil, err
		}
	}
	if err := w.Close(); err != nil {
		return nil, err
	}
	return all.Bytes(), nil
}

func sorted(files []File) []File {
	return slices.SortedFunc(slices.Values(files), func(a, b File) int { return strings.Compare(a.Name, b.Name) })
}

func tarHeader(f File) *tar.Header {
	header := &tar.Header{
		Typeflag: tar.TypeReg, Name: f.Name, Mode: int64(f.Mode.Perm()), Size: int64(len(f.Content)), ModTime: Time, Format: tar.FormatUSTAR,
	}
	if f.Mode.IsDir() {
		header.Typeflag, header.Name = tar.TypeDir, f.Name+"/"
	}
	if f.Mode&fs.ModeSticky != 0 {
		header.Mode |= sticky
	}
	return header
}
