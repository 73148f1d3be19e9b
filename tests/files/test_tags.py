"""Samples of real code in every language: what they define, how deep, and what of other files they use."""

import time

import pytest

from kcode.files.languages import GRAMMARS
from kcode.files.syntax import tags

PYTHON = '''
"""A shop."""
from decimal import Decimal
from shop.stock import Stock as Store, take

@dataclass(frozen=True)
class Cart(Basket, metaclass=Meta):
    lines: dict[str, Line] = field(default_factory=dict)

    async def checkout(
        self,
        store: Store | None = None,
    ) -> "Receipt":
        local = 1
        def priced(line: Line) -> Decimal:
            return line.price * local
        await store.reserve(priced(self.lines))
        match store:
            case Warehouse(size=1):
                raise SoldOut(local)

def main(): take(Cart())
'''
JAVASCRIPT = """
import React, { useState as state } from "react";
import { fetchCart } from "./api";
export class Cart extends Basket {
  #secret() {}
  static of(lines) { return new Cart(lines); }
  total = () => this.lines.reduce(sum, 0);
}
export const render = async (cart) => {
  const local = await fetchCart(cart.id);
  return <Panel title={local}><Row /></Panel>;
};
export default function App() { return render(); }
function* pages() {}
"""
TYPESCRIPT = """
import type { Line } from "./line";
export interface Store extends Shelf<Line> { reserve(line: Line): Ticket }
export type Id = string | Brand;
export abstract class Cart implements Countable {
  private total = (): Money => sum(this.lines);
  abstract checkout(store: Store): Promise<Receipt>;
  @Logged() add(line: Line): void { this.lines.push(line); }
}
export namespace Tax { export function rate(of: Line): number { return lookup(of); } }
declare function ambient(): void;
export enum State { Open, Closed }
"""
GO = """
package shop

import "fmt"

type (
	Cart struct {
		lines []Line
	}
	Store interface {
		Reserve(line Line) (Ticket, error)
	}
)

type Id = Key

func (c *Cart) Checkout(
	store Store,
) error {
	local := store.Reserve(c.lines[0])
	fmt.Println(format(local), Receipt{})
	return nil
}

func New[T any](lines ...T) *Cart { return &Cart{} }
"""
RUST = """
use crate::stock::{take, Store};

#[derive(Debug)]
pub struct Cart<T> { lines: Vec<Line<T>> }

pub trait Countable { fn count(&self) -> usize; }

impl<T> Countable for Cart<T> {
    fn count(&self) -> usize { self.lines.len() }
}

pub mod tax {
    pub async fn rate(line: &Line) -> Result<Money, Error> {
        let local = take(line).await;
        Ok(Money::from(local))
    }
}
macro_rules! cart { () => {} }
enum State { Open(Ticket) }
type Id = u64;
fn main() { cart!(); }
"""
JAVA = """
package shop;
import shop.stock.Store;

@Service
public class Cart<T> extends Basket implements Countable {
    private final Store store;
    public Cart(Store store) { this.store = store; }
    @Override
    public Receipt checkout(Line line)
            throws SoldOut {
        var local = store.reserve(line);
        return new Receipt(Tax.rate(local), Line::price);
    }
    record Pair(int a, int b) {}
    enum State { OPEN }
    interface Listener { void heard(Event event); }
    @interface Marked {}
}
"""
C = """
#ifndef CART_H
#define CART_H
#include "stock.h"
struct cart { struct line *lines; };
typedef struct { int id; } ticket;
enum state { OPEN };
ticket *reserve(struct cart *c, line_t line);
int count(void);
#endif
static money_t
total(struct cart *c)
{
    int local = sum(c->lines);
    return local;
}
"""
CPP = """
#pragma once
namespace shop {
template <class T>
class Cart : public Basket {
 public:
  explicit Cart(Store &store);
  ~Cart();
  Money total() const { return sum<Line>(lines_); }
  virtual Receipt checkout(Line line) = 0;
 private:
  std::vector<Line> lines_;
};
using Id = Key;
Money rate(Line line);
}
Money shop::Cart::rate(Line line) {
  auto local = std::make_unique<Ticket>();
  lock_guard<Mutex> guard(lock_);
  return tax::lookup(line.price);
}
"""
CSHARP = """
using Shop.Stock;
namespace Shop {
    [Marked]
    public class Cart<T> : Basket, ICountable {
        public List<Line> Lines { get; set; }
        public Cart(Store store) { Reserve(store); }
        public async Task<Receipt> Checkout(Line line) {
            var local = new Ticket(Tax.Rate(line));
            return local.Done();
        }
        public enum State { Open }
        public delegate void Heard(Event e);
    }
    public interface ICountable { int Count(); }
    public record Pair(int A, int B);
    public struct Money { }
}
"""
RUBY = """
require "stock"
module Shop
  class Cart < Basket
    include Countable
    def initialize(store) = @store = store
    def checkout(line)
      local = reserve(line)
      Receipt.new(local).print
    end
    def self.of(*lines)
      new(lines)
    end
    class << self
      def empty; end
    end
  end
end
"""
PHP = """<?php
namespace Shop;
use Shop\\Stock\\Store;
#[Marked]
final class Cart extends Basket implements Countable {
    use Counts;
    public function __construct(private Store $store) {}
    public function checkout(Line $line): ?Receipt {
        $local = $this->store->reserve($line);
        return new Receipt(Tax::rate($local), State::OPEN, total());
    }
}
interface Countable { public function count(): int; }
trait Counts {}
enum State: string { case Open = "open"; }
function total(): int { return array_sum([]); }
"""
BASH = """#!/usr/bin/env bash
# größer als ASCII: ä€😀
source ./stock.sh
checkout() {
  local ticket=$(reserve "$1")
  echo "für $ticket" | print_receipt
}
function total { sum "$@"; }
checkout línea
"""

KNOWN = {
    "cart.py": (
        PYTHON,
        "Cart@7 .checkout@10 ..priced@15 main@22",
        "Decimal Stock take dataclass Basket Line Store reserve Warehouse SoldOut Cart",
        "local store self",
    ),
    "cart.jsx": (
        JAVASCRIPT,
        "Cart@4 .secret@5 .of@6 .total@7 render@9 App@13 pages@14",
        "React useState fetchCart Basket Cart reduce Panel Row render id",
        "local cart title",
    ),
    "cart.tsx": (
        JAVASCRIPT.replace("(cart)", "(cart: Cart)").replace("#secret", "secret"),
        "Cart@4 .secret@5 .of@6 .total@7 render@9 App@13 pages@14",
        "React useState fetchCart Basket Cart Panel Row render",
        "local cart title",
    ),
    "cart.ts": (
        TYPESCRIPT,
        "Store@3 Id@4 Cart@5 .total@6 .checkout@7 .add@8 Tax@10 ambient@11 State@12",
        "Line Shelf Ticket Brand Countable Money sum Store Promise Receipt Logged push lookup",
        "line of",
    ),
    "cart.go": (
        GO,
        "Cart@7 Store@10 .Reserve@11 Id@15 Checkout@17 New@25",
        "Line Ticket Key Store Reserve Println format Receipt Cart",
        "local store",
    ),
    "cart.rs": (
        RUST,
        "Cart@5 Countable@7 Cart@9 .count@10 tax@13 .rate@14 cart@19 State@20 Id@21 main@22",
        "take Store Line Countable len Money Error from Ticket cart",
        "local line self",
    ),
    "Cart.java": (
        JAVA,
        "Cart@6 .Cart@8 .checkout@10 .Pair@15 .State@16 .Listener@17 .Marked@18",
        "Service Basket Countable Store Receipt Line SoldOut reserve Tax rate price Event",
        "local line a b",
    ),
    "cart.c": (
        C,
        "cart@5 ticket@6 state@7 reserve@8 count@9 total@12",
        "line line_t ticket money_t sum lines cart",
        "local c",
    ),
    "cart.hpp": (
        CPP,
        "shop@3 .Cart@5 ..Cart@7 ..Cart@8 ..total@9 ..checkout@10 .Id@14 .rate@15 rate@17",
        "Basket Store Line Money sum Receipt vector Key make_unique Ticket lock_guard Mutex lookup price",
        "local guard",
    ),
    "Cart.cs": (
        CSHARP,
        "Cart@5 .Lines@6 .Cart@7 .Checkout@8 .State@12 .Heard@13 ICountable@15 Pair@16 Money@17",
        "Marked Basket ICountable List Line Store Reserve Task Receipt Ticket Tax Rate Done Event",
        "local line",
    ),
    "cart.rb": (
        RUBY,
        "Shop@3 .Cart@4 ..initialize@6 ..checkout@7 ..of@11 ..empty@15",
        "Basket Countable include reserve Receipt new print",
        "local line",
    ),
    "cart.php": (
        PHP,
        "Cart@5 .__construct@7 .checkout@8 Countable@13 Counts@14 State@15 total@16",
        "Store Marked Basket Countable Counts Line Receipt reserve Tax rate State total array_sum",
        "local line",
    ),
    "cart.sh": (
        BASH,
        "checkout@4 total@8",
        "source reserve echo print_receipt sum checkout",
        "ticket local",
    ),
}
"""Definitions with a dot for each they lie in, and their lines; names that are used; names that are only bound."""


def places(name: str, content: str) -> str:
    found = tags(name, content)
    assert found is not None
    return " ".join(f"{'.' * d.depth}{d.name}@{d.first}" for d in found.definitions)


@pytest.mark.parametrize("name", KNOWN)
def test_definitions_have_their_names_lines_and_depths_in(name: str) -> None:
    content, expected, _, _ = KNOWN[name]
    assert places(name, content) == expected


@pytest.mark.parametrize("name", KNOWN)
def test_what_is_used_is_known_and_what_is_only_bound_is_not_in(name: str) -> None:
    content, _, used, bound = KNOWN[name]
    found = tags(name, content)
    assert found is not None
    names = {use for use, _ in found.uses}
    assert not set(used.split()) - names
    assert not set(bound.split()) & names


def test_a_head_on_several_lines_is_told_on_one() -> None:
    found = tags("cart.py", PYTHON)
    assert found is not None
    assert found.definitions[1].text == 'async def checkout(self, store: Store | None = None) -> "Receipt":'


def test_a_struct_is_known_by_the_name_at_its_end_and_an_operator_by_its_sign() -> None:
    found = tags("a.c", "typedef struct {\n  int a;\n} ticket_t;\n")
    assert found is not None
    assert [(d.name, d.first, d.last, d.text) for d in found.definitions] == [
        ("ticket_t", 1, 3, "typedef struct { … ticket_t")
    ]
    assert places("a.cpp", "bool A::operator==(const A &b) const {\n}\n") == "operator==@1"


HOSTILE = {
    "nested brackets": "(" * 50_000,
    "nested blocks": "{" * 20_000 + "}" * 20_000,
    "one long line": "a=1;" * 30_000,
    "half a file": "class A { void f(",
    "no code at all": "\x01\x02\ufffe\U0010ffff" * 1000,
    "strange letters": "ä€😀 = ü(ß) \u202e\n" * 500,
    "quotes": "\"'`" * 5_000,
    "here documents": "<<A <<B <<<C <<-'D'\n" * 500,
}


@pytest.mark.parametrize("suffix", sorted({suffixes.split()[0] for suffixes in GRAMMARS}))
def test_hostile_text_ends_no_parser_and_takes_no_long_time(suffix: str) -> None:
    for content in HOSTILE.values():
        began = time.process_time()
        tags(f"a{suffix}", content)
        assert time.process_time() - began < 3
