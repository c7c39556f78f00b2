from google.protobuf.internal import enum_type_wrapper as _enum_type_wrapper
from google.protobuf import descriptor as _descriptor
from typing import ClassVar as _ClassVar

DESCRIPTOR: _descriptor.FileDescriptor

class AssetClass(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    ASSET_CLASS_UNSPECIFIED: _ClassVar[AssetClass]
    ASSET_CLASS_STANDARD: _ClassVar[AssetClass]
    ASSET_CLASS_SMA_0: _ClassVar[AssetClass]
    ASSET_CLASS_SMA_1: _ClassVar[AssetClass]
    ASSET_CLASS_SMA_2: _ClassVar[AssetClass]
    ASSET_CLASS_NON_PERFORMING: _ClassVar[AssetClass]
ASSET_CLASS_UNSPECIFIED: AssetClass
ASSET_CLASS_STANDARD: AssetClass
ASSET_CLASS_SMA_0: AssetClass
ASSET_CLASS_SMA_1: AssetClass
ASSET_CLASS_SMA_2: AssetClass
ASSET_CLASS_NON_PERFORMING: AssetClass
