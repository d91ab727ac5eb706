import KeyMaterial
import Testing

@Suite struct SecretTextTests {
    @Test func keysStandAsHexAmongText() {
        let key = HeldSecret(SecretOctets(copying: [0x00, 0x0f, 0xa0, 0xff]))
        var text = SecretText()
        text.add("{\"key\":\"")
        text.add(hexOf: key)
        text.add("\",\"part\":\"")
        text.add(hexOf: key, 1..<9)
        text.add("\"}")
        let octets = text.octets().exposed()
        #expect(String(decoding: octets, as: UTF8.self) == "{\"key\":\"000fa0ff\",\"part\":\"0fa0ff\"}")
        #expect(SecretText().octets().count == 0)
    }
}
