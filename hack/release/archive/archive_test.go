package archive

import (
	"archive/tar"
	"archive/zip"
	"bytes"
	"compress/gzip"
	"io"
	"io/fs"
	"reflect"
	"slices"
	"testing"
)

var files = []File{
	{Name: "tmp", Mode: fs.ModeDir | fs.ModeSticky | 0o777},
	{Name: "bin/program", Mode: Executable, Content: []byte("program")},
	{Name: "LICENSE", Mode: Plain, Content: []byte("license")},
}

func TestOrderOfFilesDoesNotChangeAnArchive(t *testing.T) {
	backwards := slices.Clone(files)
	slices.Reverse(backwards)
	for name, pack := range map[string]func([]File) ([]byte, error){"tar": Tar, "tar.gz": TarGz, "zip": Zip} {
		one, err := pack(files[1:])
		if err != nil {
			t.Fatal(err)
		}
		other, err := pack(backwards[:2])
		if err != nil {
			t.Fatal(err)
		}
		if !bytes.Equal(one, other) {
			t.Errorf("%s: the bytes differ", name)
		}
	}
}

func TestTarHasModesAndNoOwner(t *testing.T) {
	packed, err := TarGz(files)
	if err != nil {
		t.Fatal(err)
	}
	unzipped, err := gzip.NewReader(bytes.NewReader(packed))
	if err != nil {
		t.Fatal(err)
	}
	var found []tar.Header
	for r := tar.NewReader(unzipped); ; {
		header, err := r.Next()
		if err == io.EOF {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		if !header.ModTime.Equal(Time) {
			t.Errorf("%s is of %s", header.Name, header.ModTime)
		}
		found = append(found, tar.Header{Typeflag: header.Typeflag, Name: header.Name, Mode: header.Mode, Size: header.Size, Uname: header.Uname, Uid: header.Uid})
	}
	want := []tar.Header{
		{Typeflag: tar.TypeReg, Name: "LICENSE", Mode: 0o644, Size: 7},
		{Typeflag: tar.TypeReg, Name: "bin/program", Mode: 0o755, Size: 7},
		{Typeflag: tar.TypeDir, Name: "tmp/", Mode: 0o1777},
	}
	if !reflect.DeepEqual(found, want) {
		t.Errorf("got %+v, want %+v", found, want)
	}
}

func TestZipHasModesAndContents(t *testing.T) {
	packed, err := Zip(files[1:])
	if err != nil {
		t.Fatal(err)
	}
	r, err := zip.NewReader(bytes.NewReader(packed), int64(len(packed)))
	if err != nil {
		t.Fatal(err)
	}
	program := r.File[1]
	if program.Name != "bin/program" || program.Mode() != Executable || !program.Modified.Equal(Time) {
		t.Errorf("got %+v", program.FileHeader)
	}
	content, err := fs.ReadFile(r, "bin/program")
	if err != nil || string(content) != "program" {
		t.Errorf("got %q, %v", content, err)
	}
}
