"""Route templates: what they accept, what they match, and in which order they are tried."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from infrastructure.local.functions_host.errors import HostError, Unsupported
from infrastructure.local.functions_host.templates import Router, Template, decode_path

GUID = "0f8fad5b-d9cb-469f-a165-70867728950e"
ANY: frozenset[str] = frozenset()


@pytest.mark.parametrize(
    ("template", "path", "values"),
    [
        ("v1/projects", "v1/projects", {}),
        ("v1/projects", "V1/Projects", {}),
        ("v1/projects", "v1/projects/x", None),
        ("a.b/c+d", "a.b/c+d", {}),
        ("a.b", "axb", None),
        ("p/{id}", "p/a b", {"id": "a b"}),
        ("p/{id}", "p/", None),
        ("p/{id}", "p/a/b", None),
        ("p/{id:guid}", f"p/{GUID}", {"id": GUID}),
        ("p/{id:guid}", f"p/{GUID.upper()}", {"id": GUID.upper()}),
        ("p/{id:guid}", f"p/{GUID.replace('-', '')}", {"id": GUID.replace("-", "")}),
        ("p/{id:guid}", "p/0f8fad5b", None),
        ("p/{n:int}", "p/-12", {"n": "-12"}),
        ("p/{n:int}", "p/2147483648", None),
        ("p/{n:long}", "p/2147483648", {"n": "2147483648"}),
        ("p/{n:int}", "p/1.5", None),
        ("p/{b:bool}", "p/True", {"b": "True"}),
        ("p/{a:alpha}", "p/ab1", None),
        ("p/{id?}", "p", {}),
        ("p/{id?}", "p/x", {"id": "x"}),
        ("p/{id:int?}", "p/x", None),
        ("f/{*rest}", "f", {}),
        ("f/{*rest}", "f/a/b", {"rest": "a/b"}),
        ("{*rest}", "", {}),
        ("{*rest}", "a/b", {"rest": "a/b"}),
    ],
)
def test_a_template_matches_as_in_asp_net(
    template: str, path: str, values: dict[str, str] | None
) -> None:
    """Literals without case, constraints, optional and catch-all parameters."""
    assert Template(template, "function f").match(path) == values


@pytest.mark.parametrize(
    ("template", "feature"),
    [
        ("{id:regex(^a$)}", "route constraint regex"),
        ("{id:datetime}", "route constraint datetime"),
        ("v{version}", "route segment v{version}"),
        ("{id=5}", "route segment"),
        ("{a}-{b}", "route segment"),
    ],
)
def test_other_template_features_are_refused_by_name(template: str, feature: str) -> None:
    """The message names the function and what it asked for."""
    with pytest.raises(Unsupported, match=f"function f: the {feature}".replace("{", r"\{")):
        Template(template, "function f")


@pytest.mark.parametrize("template", ["{id}/{id}", "{id?}/x", "{*rest}/x", "a//b", "a?b"])
def test_malformed_templates_are_refused(template: str) -> None:
    """A name twice, an early optional or catch-all part, an empty segment, a query."""
    with pytest.raises(HostError, match="function f"):
        Template(template, "function f")


def test_routes_are_tried_literals_first_then_constraints_then_length() -> None:
    """The order of WebJobsRouteBuilder, whatever the order of declaration."""
    templates = ["{*all}", "p/{id}", "p/{id:guid}", "p/new", "p/{id}/x", "p"]
    router = Router([(Template(text, "f"), ANY, text) for text in templates])
    paths = {
        "p/new": "p/new",
        f"p/{GUID}": "p/{id:guid}",
        "p/other": "p/{id}",
        "p/other/x": "p/{id}/x",
        "p": "p",
        "p/a/b/c": "{*all}",
        "": "{*all}",
    }
    for path, template in paths.items():
        found = router.find("GET", path)
        assert found is not None
        assert found[0] == template


def test_a_method_that_does_not_fit_is_like_no_route() -> None:
    """The next template with the method is tried; without one there is none."""
    router = Router(
        [
            (Template("p/new", "f"), frozenset({"POST"}), "post"),
            (Template("p/{id}", "f"), frozenset({"GET"}), "get"),
        ]
    )
    found = router.find("GET", "p/new/")
    assert found == ("get", {"id": "new"})
    assert router.find("DELETE", "p/new") is None


def test_an_encoded_slash_stays_encoded_and_the_rest_is_decoded() -> None:
    """As ASP.NET Core hands a path to routing."""
    assert decode_path(b"/api/a%20b%2Fc%c3%a4") == "/api/a b%2Fcä"


@given(st.text(alphabet=st.characters(exclude_characters="/", min_codepoint=33), min_size=1))
def test_a_plain_parameter_takes_any_segment(segment: str) -> None:
    """Whatever a segment holds, it arrives whole."""
    assert Template("p/{id}", "f").match(f"p/{segment}") == {"id": segment}
