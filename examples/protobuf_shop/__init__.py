"""Protobuf services: the .proto file is the contract, and the classes implement what is made of it.

Shows messages as inputs, outputs, state, steps and promises, in both encodings; kinds by
options in ``shop.proto``; and calls by the generated interfaces, which need no implementation.
``shop_pb2.py`` and ``shop_restate.py`` are made by::

    protoc -I. -I"$(protoc-gen-restate-reflect --include)" \\
        --python_out=. --pyi_out=. --restate-reflect_out=. examples/protobuf_shop/shop.proto

Try it::

    restate-reflect serve examples.protobuf_shop.services --with-server
    curl localhost:8080/shop.v1.Stock/pen/Refill --json '{"pieces": "10"}'
    curl localhost:8080/shop.v1.Purchase/1/Run/send --json '{"lines": [{"sku": "pen", "pieces": "3"}]}'
    curl localhost:8080/shop.v1.Purchase/1/Pay --json '{"card": "4242"}'
    curl localhost:8080/restate/workflow/shop.v1.Purchase/1/attach
"""
