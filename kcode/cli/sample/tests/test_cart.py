import unittest

from shop.cart import Cart


class TestCart(unittest.TestCase):
    def test_total_adds_up_the_lines(self) -> None:
        cart = Cart()
        cart.add("tea", 450)
        cart.add("cup", 1200, count=2)
        self.assertEqual(cart.total(), 2850)

    def test_discount_is_taken_once_from_the_whole_sum(self) -> None:
        cart = Cart()
        cart.add("pen", 99, count=3)
        cart.add("ink", 205)
        self.assertEqual(cart.total(percent=15), 427)

    def test_empty_cart_costs_nothing(self) -> None:
        self.assertEqual(Cart().total(percent=50), 0)


if __name__ == "__main__":
    unittest.main()
