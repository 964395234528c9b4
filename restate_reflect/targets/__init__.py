"""What a TARGET on a command line means: ``shop``, ``shop:Checkout``, ``src/shop.py:make_checkout``.

A string goes in; an application that is ready to serve comes out, or an error that says what there is instead.
``target`` reads the string, ``importing`` imports its module, ``candidates`` chooses what can be served in there and
has a reason for each object that can't, ``instances`` constructs it, and ``application`` reflects the result. Start
reading at ``target``.
"""
