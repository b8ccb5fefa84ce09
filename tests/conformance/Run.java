import java.io.File;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import javax.xml.parsers.DocumentBuilderFactory;
import org.testng.ITestResult;
import org.testng.TestListenerAdapter;
import org.testng.TestNG;
import org.testng.xml.XmlClass;
import org.testng.xml.XmlPackage;
import org.testng.xml.XmlSuite;
import org.testng.xml.XmlTest;
import org.w3c.dom.Document;
import org.w3c.dom.Element;
import org.w3c.dom.NodeList;

/** Runs the suite's own testng.xml against a server: Run ADDRESS OUTPUT-FOLDER. */
public class Run {
  public static void main(String[] arguments) throws Exception {
    byte[] bytes = Run.class.getResourceAsStream("/org/opengis/cite/ogcapifeatures10/testng.xml").readAllBytes();
    String text = new String(bytes, StandardCharsets.UTF_8).replaceAll("<!DOCTYPE[^>]*>", "");
    File file = File.createTempFile("suite", ".xml");
    Files.writeString(file.toPath(), text);
    Document document = DocumentBuilderFactory.newInstance().newDocumentBuilder().parse(file);
    XmlSuite suite = new XmlSuite();
    suite.setName("ogcapi-features");
    suite.setConfigFailurePolicy(XmlSuite.FailurePolicy.CONTINUE);
    suite.setParameters(new HashMap<>(Map.of("iut", arguments[0], "ics", "", "noofcollections", "-1")));
    for (String listener : named(document.getElementsByTagName("listener"), "class-name")) suite.addListener(listener);
    NodeList tests = document.getElementsByTagName("test");
    for (int at = 0; at < tests.getLength(); at++) {
      Element test = (Element) tests.item(at);
      XmlTest xml = new XmlTest(suite);
      xml.setName(test.getAttribute("name"));
      List<XmlPackage> packages = new ArrayList<>();
      for (String name : named(test.getElementsByTagName("package"), "name")) packages.add(new XmlPackage(name));
      xml.setXmlPackages(packages);
      List<XmlClass> classes = new ArrayList<>();
      for (String name : named(test.getElementsByTagName("class"), "name")) classes.add(new XmlClass(name));
      xml.setXmlClasses(classes);
    }
    TestNG testng = new TestNG(false);
    testng.setXmlSuites(List.of(suite));
    testng.setOutputDirectory(arguments[1]);
    TestListenerAdapter heard = new TestListenerAdapter();
    testng.addListener(heard);
    testng.run();
    heard.getFailedTests().forEach(result -> tell("FAILED", result));
    heard.getSkippedTests().forEach(result -> tell("SKIPPED", result));
    System.out.println(heard.getPassedTests().size() + " passed; " + heard.getFailedTests().size() + " failed; " + heard.getSkippedTests().size() + " skipped");
    System.exit(heard.getFailedTests().isEmpty() ? 0 : 1);
  }

  private static List<String> named(NodeList elements, String attribute) {
    List<String> names = new ArrayList<>();
    for (int at = 0; at < elements.getLength(); at++) names.add(((Element) elements.item(at)).getAttribute(attribute));
    return names;
  }

  private static void tell(String word, ITestResult result) {
    String parameters = java.util.Arrays.toString(result.getParameters());
    String type = result.getTestClass().getName().replaceAll(".*\\.", "");
    String cause = String.valueOf(result.getThrowable()).split("\n")[0];
    System.out.println(word + " " + type + "." + result.getName() + " " + parameters.substring(0, Math.min(160, parameters.length())) + ": " + cause);
  }
}
