module example-filter

go 1.24
