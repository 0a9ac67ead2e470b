from advwindow.data.labels import CIFAR10, CIFAR100, FASHIONMNIST, MNIST


def test_small_data_sets_have_their_classes_in_alphabetical_or_numerical_order():
    assert (len(CIFAR10), len(CIFAR100), len(MNIST), len(FASHIONMNIST)) == (10, 100, 10, 10)
    assert list(CIFAR10) == sorted(CIFAR10)
    assert list(CIFAR100) == sorted(CIFAR100)
    assert len(set(CIFAR100)) == 100
    assert [CIFAR100.index(name) for name in ("apple", "lawn mower", "sea", "worm")] == [0, 41, 71, 99]
    assert [MNIST.index(name) for name in ("zero", "seven")] == [0, 7]
    assert [FASHIONMNIST.index(name) for name in ("trouser", "ankle boot")] == [1, 9]
