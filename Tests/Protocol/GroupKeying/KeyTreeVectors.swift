/// Keys and key bags of a small tree, computed with Python: prf+ by hmac, RFC 5649 by the cryptography package.
///
/// Secret 00 01 … 1f, group "demo", leaf with Key ID 1, node (1, 0), GSK_w ee … ee, KEYMAT 64 65 … a7 of AES-GCM-256.
enum KeyTreeVectors {
    static let leafKey = "dec65761b559a7649fec0e0bfc2c793977b271a63f4ea7cb1ad1cd6b9f305633"
    static let nodeKey = "6c776778205784191154ade026e4fbd00e547e65b7e38eec2bb77911aabbf366"

    /// GP(SA)(N{K_sa}), MP(L{N}, GSK_w{L}).
    static func registration(_ spi: String) -> String {
        [
            "06100070",
            spi,
            "00010058000000008400000024cb19bee2f248e08f850de9ae006efc28602785a7fa2edfef4566491c01384580af2e41",
            "06b6879edf1953e10005b81ef745ccb08b71e8efa28a295e30b872ddcab62003955688148ade8566d17aa9e3",
            "0000006c",
            "00010030840000000000000151c90eeaccf6e3e3be1c64443d9190559df3a83b4b3ce7c842cfa47a1e90bacd4b9e6115",
            "7f5744a6",
            "000100300000000100000000386b539c3deb1e1c0fd58ff60a5bbe25ff9af33e74f603f21a9ad16958c5158ff890f2b6",
            "e09ea717",
        ].joined()
    }

    /// GP(SA)(N{K_sa}, L{K_sa}), MP(L{N}).
    static func rekey(_ spi: String) -> String {
        [
            "061000cc",
            spi,
            "00010058000000008400000024cb19bee2f248e08f850de9ae006efc28602785a7fa2edfef4566491c01384580af2e41",
            "06b6879edf1953e10005b81ef745ccb08b71e8efa28a295e30b872ddcab62003955688148ade8566d17aa9e3",
            "0001005800000000000000014fd488314ac92054a31b7b554a159dd9ffb2e3846f2cc5f6e87b77be7f229382936af35a",
            "de1041a8741fe2f5f63f42b831654b22649d4b2acc21caade8ad86aa1f0fa705542699a5cf0ae83f40d4854d",
            "00000038",
            "00010030840000000000000151c90eeaccf6e3e3be1c64443d9190559df3a83b4b3ce7c842cfa47a1e90bacd4b9e6115",
            "7f5744a6",
        ].joined()
    }
}
