import java.io.FileInputStream;
import org.verapdf.gf.foundry.VeraGreenfieldFoundryProvider;
import org.verapdf.pdfa.Foundries;

/** For each file: `flavour compliant`, then each rule that is broken. */
public class Check {
    public static void main(String[] files) throws Exception {
        VeraGreenfieldFoundryProvider.initialise();
        for (String file : files)
            try (var in = new FileInputStream(file);
                    var parser = Foundries.defaultInstance().createParser(in);
                    var validator = Foundries.defaultInstance().createValidator(parser.getFlavour(), false)) {
                var result = validator.validate(parser);
                System.out.println(result.getPDFAFlavour() + " " + result.isCompliant());
                for (var broken : result.getTestAssertions())
                    System.out.println(broken.getRuleId() + " " + broken.getMessage());
            }
    }
}
