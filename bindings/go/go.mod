module github.com/libzcnet/libzcnet/bindings/go

go 1.24
