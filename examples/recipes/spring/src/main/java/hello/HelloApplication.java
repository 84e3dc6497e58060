package hello;

import jakarta.servlet.http.HttpServletRequest;
import org.springframework.boot.SpringApplication;
import org.springframework.boot.autoconfigure.SpringBootApplication;
import org.springframework.stereotype.Controller;
import org.springframework.ui.Model;
import org.springframework.web.bind.annotation.GetMapping;
import org.springframework.web.bind.annotation.RequestMapping;
import org.springframework.web.bind.annotation.RequestParam;
import org.springframework.web.servlet.support.ServletUriComponentsBuilder;

@SpringBootApplication
@Controller
public class HelloApplication {
    public static void main(String[] args) {
        SpringApplication.run(HelloApplication.class, args);
    }

    @RequestMapping("/")
    String hello(@RequestParam(defaultValue = "Spring") String name, HttpServletRequest request, Model model) {
        model.addAttribute("name", name);
        model.addAttribute("url", ServletUriComponentsBuilder.fromCurrentRequestUri().toUriString());
        model.addAttribute("visitor", request.getRemoteAddr());
        return "hello";
    }

    @GetMapping("/old")
    String old() {
        return "redirect:/";
    }
}
