"""Maps of repositories in other languages than Python, read back as an audit reads them."""

import difflib

import pytest

from contexttune.contexts.issue_map import IssueMap
from contexttune.contexts.repo_map import RepoMap
from contexttune.repos.file_mentions import Paths
from contexttune.tasks.audit.gold_targets import find_gold
from contexttune.tasks.audit.recall import names_a_file, recall
from contexttune.types import GoldInstance, Instance
from tests.contexts.maps import listed, made

JAVASCRIPT = {
    "src/cart.js": "class Cart {\n  add(item) {\n    this.items.push(item);\n  }\n  get total() {\n    return 1;\n  }\n}\n",
    "src/tax.js": "export const rateOf = (country) => {\n  return 0.2;\n};\n",
    "src/index.jsx": "import { Cart } from './cart';\n",
    "test/cart.test.js": "function checkCart() {}\n",
    "package.json": "{}",
}
JAVA = {
    f"core/src/main/java/org/shop/{name}.java": (
        f"package org.shop;\n\npublic class {name} {{\n  public int count{name}() {{\n    return 1;\n  }}\n}}\n"
    )
    for name in ("Cart", "Tax", "Order")
}


def issue_text(repo, statement):
    of = {"repo": repo.repo, "base_commit": repo.base_commit}
    return IssueMap().build(repo, Instance(instance_id="lib-1", problem_statement=statement, **of)).text


def test_files_have_their_definitions_and_tests_are_not_listed(tmp_path):
    text = RepoMap().build(made(tmp_path, JAVASCRIPT), None).text
    assert "\nsrc/cart.js: Cart(add total)" in text
    assert set(listed(text)) == {"src/cart.js", "src/tax.js", "src/index.jsx", "package.json"}


@pytest.mark.parametrize(
    ("issue", "first"),
    [
        ("Wrong `rateOf` for Norway", "src/tax.js"),
        ("The total of the cart is wrong", "src/cart.js"),
        ("TypeError\n    at rateOf (/srv/app/src/tax.js:12:9)\n", "src/tax.js"),
    ],
)
def test_the_file_that_an_issue_is_about_comes_first(tmp_path, issue, first):
    assert listed(issue_text(made(tmp_path, JAVASCRIPT), issue))[0] == first


def test_a_java_class_is_found_by_the_name_that_code_calls_it(tmp_path):
    issue = "NullPointerException\n  at org.shop.Tax.count(Unknown Source)\n"
    assert listed(issue_text(made(tmp_path, JAVA), issue))[0].endswith("org/shop/Tax.java")


def test_among_much_python_other_files_have_their_names_alone(tmp_path):
    files = {f"lib/m{n}.py": f"def work_{n}():\n    return {n}\n" for n in range(9)}
    text = RepoMap().build(made(tmp_path, {**files, "lib/static/app.js": "function main() {}\n"}), None).text
    assert "lib/static/app.js" in listed(text)
    assert "main" not in text


def test_a_map_tells_the_symbols_that_a_patch_changes(tmp_path):
    path = "src/cart.js"
    new = JAVASCRIPT[path].replace("return 1", "return 2").replace("push(item)", "push(item, 1)")
    lines = difflib.unified_diff(
        JAVASCRIPT[path].splitlines(True), new.splitlines(True), f"a/{path}", f"b/{path}"
    )
    instance = GoldInstance(
        **{"instance_id": "lib-1", "repo": "owner/lib", "base_commit": "0" * 40, "problem_statement": ""},
        patch="".join(lines),
        test_patch="",
        row={},
    )
    gold = find_gold(instance, JAVASCRIPT.get)
    assert gold.symbols == {path: ["Cart.add", "Cart.total"]}
    text = RepoMap().build(made(tmp_path, JAVASCRIPT), None).text
    found = recall(text, gold, Paths.of(JAVASCRIPT))
    assert (found.file, found.symbol) == (1.0, 1.0)
    assert recall(text.replace("add", "ad"), gold, Paths.of(JAVASCRIPT)).symbol == 0.5
    assert names_a_file("It is in cart.js", gold)
