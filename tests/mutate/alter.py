# SPDX-License-Identifier: Apache-2.0
"""alter.py TABLE.json ... - each table with one thing altered, a line each:
the table's model, what was done, and its JSON, with tabs between."""

import copy
import json
import sys


def parse(text):
    """A pattern as lists: sides of tensors of factors; a sum is a tuple."""
    words = text.replace("(", " ( ").replace(")", " ) ").replace(
        "+", " + ").replace(",", " , ").split()

    def product(stop):
        out = []
        while words and words[0] not in stop:
            word = words.pop(0)
            if word != "(":
                out.append(word)
                continue
            terms = [product("+)")]
            while words.pop(0) == "+":
                terms.append(product("+)"))
            out.append(tuple(terms))
        return out

    sides = []
    while words:
        side = [product((",", "->", "as"))]
        while words and words[0] == ",":
            words.pop(0)
            side.append(product((",", "->", "as")))
        sides.append((side, words.pop(0) if words else None))
    return sides


def text_of_product(factors):
    return " ".join(f if isinstance(f, str) else
                    "(" + "+".join(map(text_of_product, f)) + ")"
                    for f in factors)


def text_of(sides):
    return " ".join(", ".join(map(text_of_product, side)) +
                    (f" {word}" if word else "") for side, word in sides)


def swapped(items):
    """Each list with two neighbours exchanged, where that is another."""
    for k in range(len(items) - 1):
        if items[k] != items[k + 1]:
            yield [*items[:k], items[k + 1], items[k], *items[k + 2:]]


def other_products(factors):
    yield from swapped(factors)
    for k, f in enumerate(factors):
        if isinstance(f, str):
            continue
        terms = list(f)
        for other in swapped(terms):
            yield [*factors[:k], tuple(other), *factors[k + 1:]]
        for i, term in enumerate(terms):
            for other in other_products(term):
                yield [*factors[:k],
                       tuple([*terms[:i], other, *terms[i + 1:]]),
                       *factors[k + 1:]]


def other_sides(side):
    yield from swapped(side)
    for k, tensor in enumerate(side):
        for other in other_products(tensor):
            yield [*side[:k], other, *side[k + 1:]]


def other_patterns(text):
    sides = parse(text)
    for k, (side, word) in enumerate(sides):
        for other in other_sides(side):
            yield text_of([*sides[:k], (other, word), *sides[k + 1:]])


def names_of(side):
    return side.split(", ") if side else []


def other_rules(rule):
    """(what was done, the rule); None for one that is left out."""
    yield "left out", None
    for k in (0, 1):
        if rule[k]:
            yield (f"another {('left', 'right')[k]} name",
                   [*rule[:k], "other_" + rule[k], *rule[k + 1:]])
        for other in swapped(names_of(rule[k])):
            yield (f"{', '.join(other)} instead",
                   [*rule[:k], ", ".join(other), *rule[k + 1:]])
    if len(rule) < 3:
        return
    left, right = rule[2].split(" -> ")
    if left != right:  # else it only holds the shape
        yield "without its pattern", rule[:2]
    for other in other_patterns(rule[2]):
        yield f"\"{other}\" instead", [*rule[:2], other]


def other_lists(rules, where):
    """(what was done, the list) for a list of rules and groups."""
    for k, item in enumerate(rules):
        if isinstance(item, list):
            text = " -> ".join(item[:2])
            if len(item) > 2:
                text += f" \"{item[2]}\""
            for done, other in other_rules(item):
                put = [] if other is None else [other]
                yield (f"{where}: {text}: {done}",
                       [*rules[:k], *put, *rules[k + 1:]])
            continue
        for done, other in other_groups(item, where):
            yield done, [*rules[:k], other, *rules[k + 1:]]


def other_groups(group, where):
    when = group.get("when")
    at = " ".join([where, *([f"{{{when}}}"] if when else []),
                   *(["/".join(group["at"])] if "at" in group else [])])
    if when:
        rest = {k: v for k, v in group.items() if k != "when"}
        yield f"{at}: without the condition", rest
        yield f"{at}: the condition is false", {**group, "when": "false"}
    if "needed" in group:
        rest = {k: v for k, v in group.items() if k != "needed"}
        yield f"{at}: nothing is needed", rest
    if "use" in group:
        yield f"{at}: use {group['use']}: left out", {"rules": []}
    for done, rules in other_lists(group.get("rules", []), at):
        yield done, {**group, "rules": rules}


def other_tables(table):
    for done, rules in other_lists(table.get("rules", []), "rules"):
        yield done, {"rules": rules}
    for part, its in table.get("parts", {}).items():
        for done, rules in other_lists(its, part):
            yield done, {"parts": {**table["parts"], part: rules}}
    for name, values in table.get("options", {}).items():
        for other in swapped(values[:2]):
            yield (f"option {name}: {other[0]} is the default",
                   {"options": {**table["options"],
                                name: other + values[2:]}})
    for name, alts in table.get("axes", {}).items():
        alts = alts if isinstance(alts, list) else [alts]
        for k, alt in enumerate(alts):
            rest = [*alts[:k], *alts[k + 1:]] or ["no_such_key"]
            yield (f"axis {name}: without {alt}",
                   {"axes": {**table["axes"], name: rest}})
    for name, pairs in table.get("words", {}).items():
        pairs = pairs if isinstance(pairs, list) else list(
            map(list, pairs.items()))
        for k, pair in enumerate(pairs):
            rest = [*pairs[:k], *pairs[k + 1:]]
            if rest:
                yield (f"word {name}: without {pair[0]}: {pair[1]}",
                       {"words": {**table["words"], name: rest}})
    for k, keep in enumerate(table.get("keep", [])):
        yield (f"keep: without {json.dumps(keep)}",
               {"keep": [*table["keep"][:k], *table["keep"][k + 1:]]})


def main():
    for path in sys.argv[1:]:
        with open(path, encoding="utf-8") as f:
            table = json.load(f)
        if "refuse" in table:
            continue
        for done, keys in other_tables(table):
            other = {**copy.deepcopy(table), **keys}
            print(table["model"], " ".join(done.split()), json.dumps(other),
                  sep="\t")


if __name__ == "__main__":
    main()
