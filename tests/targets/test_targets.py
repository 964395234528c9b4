"""Import strings: what they lead to, and each way they fail."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from textwrap import dedent
from typing import Protocol

import pytest

from restate_reflect.context import Context
from restate_reflect.definitions import ServiceDefinition
from restate_reflect.errors import TargetError
from restate_reflect.targets.candidates import has_handlers
from restate_reflect.targets.instances import construct
from restate_reflect.targets.target import Found, Role, load, load_all, parse

Write = Callable[..., Path]

SHOP = """
    from __future__ import annotations
    from typing import Generic, Protocol, TypeVar
    from abc import ABC, abstractmethod
    from restate_reflect.context import Context as Ctx
    from restate_reflect.context import ObjectContext, WorkflowContext

    T = TypeVar("T")

    class Order:
        def total(self) -> int: return 1

    class Inventory:
        async def reserve(self, ctx: ObjectContext, qty: int) -> int: return qty

    class Checkout:
        def __init__(self, payments: str) -> None: self.payments = payments
        async def submit(self, ctx: Ctx, order: int) -> str: return self.payments

    class Repository(Generic[T]):
        async def load(self, ctx: ObjectContext) -> int: return 1

    class Users(Repository[int]): ...

    class Remote(Protocol):
        async def ping(self, ctx: Ctx) -> None: ...

    class Base(ABC):
        async def ping(self, ctx: Ctx) -> None: ...
        @abstractmethod
        def more(self) -> None: ...

    class _Hidden:
        async def ping(self, ctx: Ctx) -> None: ...

    checkout = Checkout("card")
    again = checkout
    number = 5

    def make_checkout() -> Checkout: return Checkout("cash")
    async def make_later() -> Checkout: return Checkout("later")
    def needs(url: str) -> Checkout: return Checkout(url)
    def nothing(): ...
    def a_class(): return Inventory
    def an_order(): return Order()
    def broken(): raise ValueError("no database")
    def yields(): yield Checkout("x")
    class Holder:
        inner = Inventory
        @classmethod
        def make(cls) -> Inventory: return Inventory()
"""


@pytest.fixture
def write(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Write]:
    """Writes files into a fresh current folder; forgets modules and path entries afterwards."""
    monkeypatch.chdir(tmp_path)
    path, modules = list(sys.path), set(sys.modules)

    def writes(name: str, text: str = SHOP) -> Path:
        file = tmp_path / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(dedent(text))
        return file

    yield writes
    sys.path[:] = path
    for name in set(sys.modules) - modules:
        if getattr(sys.modules[name], "__file__", None) and str(tmp_path) in str(sys.modules[name].__file__):
            del sys.modules[name]


def served(found: list[Found]) -> list[tuple[str, Role]]:
    return [(each.name, each.role) for each in found]


def made(text: str) -> object:
    return asyncio.run(construct(load(text)[0]))


def refusal(text: str) -> str:
    with pytest.raises(TargetError) as caught:
        made(text)
    return str(caught.value)


def test_a_module_offers_its_classes_and_instances(write: Write) -> None:
    """In the order of the file; an instance stands for its class, bases and interfaces are left out."""
    write("shop.py")
    assert served(load("shop")) == [
        ("shop:Inventory", Role.CLASS),
        ("shop:Users", Role.CLASS),
        ("shop:checkout", Role.INSTANCE),
    ]


@pytest.mark.parametrize(
    "text, name",
    [
        ("shop:Inventory", "Inventory"),
        ("shop:checkout", "Checkout"),
        ("shop:make_checkout", "Checkout"),
        ("shop:make_later", "Checkout"),
        ("shop:Holder.inner", "Inventory"),
        ("shop:Holder.make", "Inventory"),
        ("shop.py:Inventory", "Inventory"),
        ("./shop.py:Inventory", "Inventory"),
        (" shop:Inventory ", "Inventory"),
    ],
)
def test_an_attribute_is_a_class_an_instance_or_a_factory(text: str, name: str, write: Write) -> None:
    """Dotted or not, sync or async."""
    write("shop.py")
    assert type(made(text)).__name__ == name


def test_instances_are_served_as_they_are(write: Write) -> None:
    """Not copied, not constructed anew."""
    write("shop.py")
    assert made("shop:checkout") is sys.modules["shop"].checkout


def test_a_file_in_a_package_is_imported_as_part_of_it(write: Write) -> None:
    """So that its relative imports work."""
    write("inner/pack/__init__.py", "")
    write("inner/pack/names.py", "NAME = 'x'")
    write("inner/pack/shop.py", f"{dedent(SHOP)}\nfrom .names import NAME\n")
    assert load("inner/pack/shop.py:Inventory")[0].value.__module__ == "pack.shop"


def test_finished_definitions_and_bound_generics_are_served_as_they_are(write: Write) -> None:
    """A definition stands for its class; a generic class becomes a service once its variables are bound."""
    write(
        "made.py",
        f"""{dedent(SHOP)}
from restate_reflect import reflect
Orders = Repository[str]
stock = reflect(Inventory(), name="Stock")
def make_named(): return reflect(Inventory(), name="Named")
""",
    )
    assert served(load("made")) == [
        ("made:Users", Role.CLASS),
        ("made:checkout", Role.INSTANCE),
        ("made:Orders", Role.INSTANCE),
        ("made:stock", Role.INSTANCE),
    ]
    named = made("made:make_named")
    assert isinstance(named, ServiceDefinition)
    assert named.name == "Named"


def test_a_package_stands_for_its_parts(write: Write) -> None:
    """Classes that it re-exports from its own modules count as defined in it; others do not."""
    write("pack/__init__.py", "from .shop import Inventory")
    write("pack/shop.py")
    assert served(load("pack")) == [("pack:Inventory", Role.CLASS)]


def test_a_file_whose_name_is_no_identifier_can_be_served(write: Write) -> None:
    """``my-shop.py`` can't be imported by a statement, but can be run as a module."""
    write("my-shop.py")
    assert type(made("my-shop.py:Inventory")).__name__ == "Inventory"


def test_contexts_named_only_for_type_checkers_are_recognised(write: Write) -> None:
    """The name alone tells; whether it can be resolved is the reflection's business."""
    write(
        "late.py",
        """
        from __future__ import annotations
        from typing import TYPE_CHECKING
        if TYPE_CHECKING:
            import restate_reflect as rr
        class Late:
            @staticmethod
            async def hello(ctx: rr.Context) -> None: ...
        """,
    )
    assert served(load("late")) == [("late:Late", Role.CLASS)]


def test_contexts_of_other_libraries_are_none(write: Write) -> None:
    """A command group of click, say, which a module imports or defines."""
    write(
        "program.py",
        """
        from __future__ import annotations
        import click
        from restate_reflect import Context
        class Commands(click.Group):
            def get_command(self, ctx: click.Context, name: str) -> None: ...
        main = Commands()
        class Greeter:
            async def greet(self, ctx: Context) -> None: ...
        """,
    )
    assert served(load("program")) == [("program:Greeter", Role.CLASS)]


def test_overlapping_targets_serve_each_object_once(write: Write) -> None:
    """The first mention sets the order."""
    write("shop.py")
    found = load_all(["shop:Users", "shop", "shop:checkout"])
    assert [each.name for each in found] == ["shop:Users", "shop:Inventory", "shop:checkout"]


@pytest.mark.parametrize(
    "text, message",
    [
        ("", "empty target. Write it as module, module:attribute"),
        ("  ", "empty target"),
        (":Inventory", "no module or file before the colon"),
        ("shop:", "nothing after the colon. Write 'shop' to serve all of it"),
        ("shop:a:b", "'a:b' is no attribute name"),
        ("shop:Inventory()", "'Inventory()' is no attribute name"),
        ("shop:a..b", "'a..b' is no attribute name"),
        ("shop:class", "'class' is no attribute name"),
        ("my-shop", "'my-shop' is no module name. Write"),
        ("a/shop", "a path must end with .py. Write 'a/shop.py', or 'a.shop' for a module."),
        ("shop..x", "'shop..x' is no module name"),
    ],
)
def test_a_text_that_is_no_target(text: str, message: str) -> None:
    """Nothing is imported to find that out."""
    with pytest.raises(TargetError) as caught:
        parse(text)
    assert message in str(caught.value)


def test_a_file_named_without_its_ending(write: Write) -> None:
    """Where no module name is possible, the file is meant."""
    write("my-shop.py")
    assert "Write 'my-shop.py' to name the file." in refusal("my-shop")


def test_a_folder_is_no_target(write: Write) -> None:
    """Neither with nor without an ending."""
    write("my-shop/a.py")
    write("odd.py/a.py")
    assert "my-shop is a folder. Name a file in it, or a package" in refusal("my-shop")
    assert "odd.py is a folder. Name a file in it." in refusal("odd.py")


MISSING = [
    ("shpo", "there is no module 'shpo' in {cwd} or among the installed packages. Did you mean 'shop'?"),
    ("nothing_like_it.at_all", "there is no module 'nothing_like_it' in {cwd}"),
    ("shop.Inventory", "'Inventory' is no module, but an attribute of 'shop'. Write 'shop:Inventory'."),
    ("shop.cart", "'shop' (shop.py) is a module, not a package: there is no 'cart' below it."),
    ("pack.shpo", "package 'pack' has no module 'shpo'. Did you mean 'shop'?"),
    ("shpo.py", "there is no file shpo.py (looked from {cwd}). Did you mean 'shop.py'?"),
    ("gone/shop.py", "there is no folder gone (looked from {cwd})."),
    ("shop:Inventroy", "module 'shop' (shop.py) has no attribute 'Inventroy'. Did you mean 'Inventory'?"),
    ("shop:INVENTORY", "Did you mean 'Inventory'?"),
    ("shop:zzz", "has no attribute 'zzz'. There are: "),
    ("shop:Holder.innner", "Holder has no attribute 'innner'. Did you mean 'inner'?"),
]


@pytest.mark.parametrize("text, message", MISSING)
def test_a_target_that_does_not_exist(text: str, message: str, write: Write, tmp_path: Path) -> None:
    """The message says where was looked, and what is near."""
    write("shop.py")
    write("pack/__init__.py", "")
    write("pack/shop.py")
    shown = refusal(text)
    assert shown.startswith(f"'{text}': ")
    assert message.format(cwd=tmp_path) in shown


USELESS = [
    ("shop:Order", "nothing to serve in class shop:Order: no method takes Context, ObjectContext"),
    ("shop:Order", "(looked at total)"),
    ("shop:Checkout", "shop:Checkout.__init__ needs payments. Serve an instance, or a function that makes one"),
    ("shop:Base", "class shop:Base is abstract (not implemented: more). Serve a subclass"),
    ("shop:number", "shop:number is an int, neither a class with handlers"),
    ("pack:shop", "pack:shop is a module. Write 'pack.shop' to serve all of it."),
    ("shop:needs", "shop:needs needs url. A function that makes a service is called without arguments"),
    ("shop:nothing", "shop:nothing returned None. Return the instance to serve."),
    ("shop:a_class", "shop:a_class returned the class Inventory. Return an instance: Inventory()."),
    ("shop:an_order", "shop:an_order returned an object of Order, which has no handlers."),
    ("shop:yields", "shop:yields yields. Return the instance; start-up and shut-down go into its __aenter__"),
]


@pytest.mark.parametrize("text, message", USELESS)
def test_a_target_that_can_not_be_served(text: str, message: str, write: Write) -> None:
    """Each with the change that mends it."""
    write("shop.py")
    write("pack/__init__.py", "from . import shop")
    write("pack/shop.py")
    assert message in refusal(text)


def test_a_module_without_services_lists_what_was_looked_at(write: Write) -> None:
    """A line and a reason for each class."""
    write("shop.py")
    write(
        "model.py",
        """
        from typing import Generic, TypeVar
        from restate_reflect.context import Context
        from shop import Inventory, Order, Remote
        T = TypeVar("T")
        class Item:
            price = 5
        class _Secret:
            def run(self, ctx: Context) -> None: ...
        class Store(Generic[T]):
            def run(self, ctx: Context) -> None: ...
        """,
    )
    assert refusal("model").splitlines() == [
        "'model': nothing to serve in module 'model'. Looked at:",
        "  class Inventory: it is defined in shop; serve that module, or name the class",
        "  class Remote: it is defined in shop; serve that module, or name the class",
        "  class Item: it has no public methods",
        "  class _Secret: its name begins with an underscore",
        "  class Store: its type variables are unbound; serve a subclass that binds them",
    ]


def test_a_module_without_classes(write: Write) -> None:
    """There is nothing to list then."""
    write("empty.py", "x = 1")
    assert refusal("empty") == "'empty': nothing to serve in module 'empty'. It defines no class."


def test_a_factory_that_raises_shows_the_users_frames(write: Write) -> None:
    """From the factory on; the frames of this package are left out."""
    file = write("shop.py")
    shown = refusal("shop:broken")
    assert shown.startswith("'shop:broken': shop:broken() raised:\n  Traceback")
    assert f'File "{file}", line ' in shown
    assert shown.endswith("ValueError: no database")
    assert "instances.py" not in shown


@pytest.mark.parametrize("target", ["bad", "bad.py", "bad:X"])
def test_an_import_error_inside_the_module_is_not_taken_for_a_missing_module(target: str, write: Write) -> None:
    """The module was found; what it imports was not."""
    file = write("bad.py", "import nowhere_to_be_found")
    shown = refusal(target)
    assert f"'{target}': bad was found, but importing it failed:\n" in shown
    assert f'File "{file}", line 1' in shown
    assert "No module named 'nowhere_to_be_found'" in shown
    assert "importlib" not in shown


def test_a_missing_module_inside_a_package_is_not_taken_for_the_target(write: Write) -> None:
    """Even though its name is the beginning of the target's."""
    write("pack/__init__.py", "import pack.missing")
    write("pack/shop.py")
    assert "was found, but importing it failed" in refusal("pack.shop")


def test_a_syntax_error_shows_the_line(write: Write) -> None:
    """With Python's own marker under the place."""
    file = write("bad.py", "class Shop:\n    def sell(self:\n")
    shown = refusal("bad")
    assert "'bad': bad has a syntax error:" in shown
    assert f'File "{file}", line 2' in shown
    assert "'(' was never closed" in shown


def test_a_script_that_ends_the_process_is_reported(write: Write) -> None:
    """sys.exit at import time must not end the command without a word."""
    write("script.py", "import sys\nsys.exit(3)")
    shown = refusal("script")
    assert "importing script ends the process (SystemExit 3)" in shown
    assert "if __name__ == '__main__':" in shown


def test_a_file_that_shadows_a_module_is_refused(write: Write) -> None:
    """A queue.py here would not be what ``import queue`` gives."""
    import queue

    write("queue.py")
    shown = refusal("queue.py:Inventory")
    assert "queue.py would be imported as 'queue', but that is another module" in shown
    assert str(queue.__file__) in shown or "queue.py)" in shown
    assert "Rename the file." in shown


def test_an_implementation_is_found_by_the_annotations_of_its_interface() -> None:
    """Which it need not repeat."""

    class Shop(Protocol):
        async def buy(self, ctx: Context, n: int) -> int: ...

    class Implementation(Shop):
        async def buy(self, ctx, n):  # type: ignore[no-untyped-def]
            return n

    class Other:
        async def buy(self, ctx, n):  # type: ignore[no-untyped-def]
            return n

    assert has_handlers(Implementation)
    assert not has_handlers(Other)
