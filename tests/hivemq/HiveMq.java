import com.hivemq.embedded.EmbeddedExtension;
import com.hivemq.embedded.EmbeddedHiveMQ;
import com.hivemq.extension.sdk.api.ExtensionMain;
import com.hivemq.extension.sdk.api.auth.SimpleAuthenticator;
import com.hivemq.extension.sdk.api.packets.connect.ConnackReasonCode;
import com.hivemq.extension.sdk.api.parameter.ExtensionStartInput;
import com.hivemq.extension.sdk.api.parameter.ExtensionStartOutput;
import com.hivemq.extension.sdk.api.parameter.ExtensionStopInput;
import com.hivemq.extension.sdk.api.parameter.ExtensionStopOutput;
import com.hivemq.extension.sdk.api.services.Services;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;

/**
 * HiveMQ CE for a test: {@code java HiveMq HOME}.
 *
 * <p>HOME/conf/config.xml is its configuration; HOME/users, if there, lists the only accepted
 * credentials, one {@code name:password} a line, read anew at each connection. Prints READY once
 * it listens, and stops when its standard input ends.
 */
public final class HiveMq {
    public static void main(String[] args) throws Exception {
        Path home = Path.of(args[0]);
        Path users = home.resolve("users");
        Path extensions = Files.createDirectories(home.resolve("extensions"));
        Path data = Files.createDirectories(home.resolve("data"));
        EmbeddedExtension authentication =
                EmbeddedExtension.builder()
                        .withId("authentication")
                        .withName("authentication")
                        .withVersion("1")
                        .withPriority(0)
                        .withStartPriority(1000)
                        .withExtensionMain(new Authentication(users))
                        .build();
        EmbeddedHiveMQ broker =
                EmbeddedHiveMQ.builder()
                        .withConfigurationFolder(home.resolve("conf"))
                        .withDataFolder(data)
                        .withExtensionsFolder(extensions)
                        .withEmbeddedExtension(authentication)
                        .build();
        broker.start().get();
        System.out.println("READY");
        while (System.in.read() != -1) {
            // Whoever started us keeps the pipe open as long as it wants us.
        }
        broker.stop().get();
        System.exit(0);
    }

    /** Accepts the users of a file, or everyone where there is none. */
    private static final class Authentication implements ExtensionMain {
        private final Path users;

        Authentication(Path users) {
            this.users = users;
        }

        @Override
        public void extensionStart(ExtensionStartInput input, ExtensionStartOutput output) {
            SimpleAuthenticator authenticator =
                    (in, out) -> {
                        String name = in.getConnectPacket().getUserName().orElse("");
                        String password =
                                in.getConnectPacket().getPassword().map(Authentication::text).orElse("");
                        if (accepts(name + ":" + password)) {
                            out.authenticateSuccessfully();
                        } else {
                            out.failAuthentication(ConnackReasonCode.NOT_AUTHORIZED);
                        }
                    };
            Services.securityRegistry().setAuthenticatorProvider(provider -> authenticator);
        }

        @Override
        public void extensionStop(ExtensionStopInput input, ExtensionStopOutput output) {}

        private boolean accepts(String credentials) {
            try {
                return !Files.exists(users) || Files.readAllLines(users).contains(credentials);
            } catch (java.io.IOException unreadable) {
                return false;
            }
        }

        private static String text(ByteBuffer bytes) {
            return StandardCharsets.UTF_8.decode(bytes).toString();
        }
    }
}
